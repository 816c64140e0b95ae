# SPDX-License-Identifier: BSD-3-Clause
"""What is counted: workloads, each a load and a device, in series that each vary one thing around the
standard case (4 KiB random read at depth 32, modern device, one split ring of 256 entries with indirect
descriptors and event index, a message per queue, completed in order)."""

import dataclasses
import itertools

LOCK_STEP = "lock-step"

# What a device may offer and the driver does not take by itself: the user's parameter for it.
CHOICES = {"offer=RING_PACKED": "PackedRing=1", "offer=IN_ORDER": "InOrder=1"}


@dataclasses.dataclass(frozen=True)
class Workload:
    """A load and a device, as storhost's options say them."""

    operation: str = "read"
    size: str = "4k"
    depth: int = 32
    loading: str = LOCK_STEP  # or closed:K
    queues: int = 1  # and as many processors
    messages: int | None = None  # granted; 0: the line; None: one per queue and one
    requests: int | None = None  # counted; None: storhost's default
    pieces: str = ""  # physical pieces of at most that size; "": pages
    device: tuple[str, ...] = ()  # more options of the scripted device
    parameters: tuple[str, ...] = ()  # of the driver, in the registry

    @property
    def name(self) -> str:
        """Says what differs from the standard case; the key in files."""
        parts = [self.operation if self.operation in ("flush", "discard")
                 else f"{self.operation} {self.size}", f"depth {self.depth}", self.loading]
        parts += [f"pieces {self.pieces}"] if self.pieces else []
        parts += [f"queues {self.queues}"] if self.queues != 1 else []
        parts += [] if self.messages is None else ["line" if self.messages == 0
                                                   else f"messages {self.messages}"]
        return ", ".join([*parts, *self.device, *self.parameters])

    @property
    def has_bare_loop(self) -> bool:
        """The bare loop knows nothing but indirect tables, and has no registry."""
        return "withhold=INDIRECT_DESC" not in self.device and not self.parameters

    def options(self) -> list[str]:
        """Options of storhost, without driver and command."""
        device = ["scripted:transport=modern", f"vectors={self.queues + 1}", *self.device]
        options = ["--processors", str(self.queues), "--queues", str(self.queues),
                   "--device", ",".join(device), "--workload", self.operation,
                   "--request-bytes", self.size, "--depth", str(self.depth),
                   "--loading", self.loading]
        options += ["--vectors", str(self.messages)] if self.messages is not None else []
        options += ["--scatter", self.pieces] if self.pieces else []
        for value in (*self.parameters, *(CHOICES[offer] for offer in self.device if offer in CHOICES)):
            options += ["--parameter", value]
        # At great depth one round is enough, as each request of it costs the same.
        requests = self.requests or (self.depth if self.depth >= 128 else None)
        return options + (["--requests", str(requests)] if requests else [])


@dataclasses.dataclass(frozen=True)
class Point:
    """One row of a series' table, and one place on its plot."""

    label: str
    workload: Workload
    line: str = ""  # which line of the plot
    x: float = 0


@dataclasses.dataclass(frozen=True)
class Series:
    """Workloads that differ in one thing."""

    name: str
    title: str
    points: tuple[Point, ...]
    x_label: str = ""  # "": no plot
    logarithmic_y: bool = False


STANDARD = Workload()
CLOSED = "closed:4"
BY_LOADING = {LOCK_STEP: "lock-step", CLOSED: "4 at a time"}


def _with(**changes) -> Workload:
    return dataclasses.replace(STANDARD, **changes)


def _depth() -> Series:
    points = [
        Point(f"{operation}, {how}, depth {depth}",
              _with(operation=operation, loading=loading, depth=depth), how if operation == "read" else "", depth)
        for operation in ("read", "write") for loading, how in BY_LOADING.items()
        for depth in (1, 32, 256, 1024) if depth > 1 or loading == LOCK_STEP]
    points += [
        Point(f"read, {how}, depth 1024, ring of 1024",
              _with(loading=loading, depth=1024, device=("queue-size=1024",)))
        for loading, how in BY_LOADING.items()]
    return Series("depth", "Depth (4 KiB, random; a ring of 256 is full from depth 256 on)",
                  tuple(points), "requests outstanding")


def _loading() -> Series:
    points = [Point("lock-step", STANDARD)]
    points += [Point(f"{count} at a time", _with(loading=f"closed:{count}"))
               for count in (1, 4, 32)]
    points += [
        Point(f"depth {depth}, {how}, out of order",
              _with(depth=depth, loading=loading, device=("order=shuffle",)))
        for depth in (32, 256) for loading, how in BY_LOADING.items()]
    return Series("loading", "How the device completes (4 KiB random read, depth 32)",
                  tuple(points))


SIZES = {"4k": 1, "16k": 4, "64k": 16, "256k": 64, "max": 128}


def _size() -> Series:
    points = []
    for operation, (size, pieces) in itertools.product(("read", "write"), SIZES.items()):
        large = {} if pieces <= 16 else {"depth": 4, "requests": 16}
        text = f"largest ({pieces} pieces)" if size == "max" else f"{size} in {pieces}"
        points.append(Point(f"{operation}, {text}", _with(operation=operation, size=size, **large),
                            "read" if operation == "read" else "", pieces))
    points.append(Point("read, 64k in one piece", _with(size="64k", pieces="64k")))
    return Series("size", "Size (lock-step, pieces are pages; depth 32, from 256k on 4)",
                  tuple(points), "pieces", logarithmic_y=True)


def _kinds() -> Series:
    kinds = {"mixed": ("70 % reads, 30 % writes", ()), "flush": ("flush", ()),
             "discard": ("discard", ("offer=DISCARD",))}
    return Series("kinds", "Other requests (depth 32)", tuple(
        Point(f"{text}, {how}", _with(operation=operation, loading=loading, device=device))
        for operation, (text, device) in kinds.items() for loading, how in BY_LOADING.items()))


def _queues() -> Series:
    points = [
        Point(f"{queues} queues, {text}",
              _with(queues=queues, depth=32 * (queues if each else 1), loading=loading),
              text if loading == LOCK_STEP else "", queues)
        for text, each, loading in (("32 in all, lock-step", False, LOCK_STEP),
                                    ("32 in all, 4 at a time", False, CLOSED),
                                    ("32 each, lock-step", True, LOCK_STEP))
        for queues in (1, 2, 4, 8, 16)]
    return Series("queues", "Queues, each with a processor (4 KiB random read)", tuple(points),
                  "queues")


def _rings() -> Series:
    points = []
    for packed, indirect, event, order in itertools.product((False, True), (True, False),
                                                            (True, False), (False, True)):
        device = (*(["offer=RING_PACKED"] if packed else []),
                  *([] if indirect else ["withhold=INDIRECT_DESC"]),
                  *([] if event else ["withhold=EVENT_IDX"]),
                  *(["offer=IN_ORDER"] if order else []))
        text = ", ".join(["packed" if packed else "split", *([] if indirect else ["no indirect"]),
                          *([] if event else ["no event index"]), *(["IN_ORDER"] if order else [])])
        points += [Point(f"{text}, {how}", _with(loading=loading, device=device))
                   for loading, how in BY_LOADING.items()]
    return Series("rings", "Ring features (4 KiB random read, depth 32)", tuple(points))


def _interrupts() -> Series:
    loads = {"depth 1": {"depth": 1}, "depth 32": {}, "depth 32, 4 at a time": {"loading": CLOSED}}
    points = [Point(f"{text}, {load}", _with(messages=messages, **changes))
              for messages, text in ((None, "MSI-X, a message per queue"), (1, "one message"),
                                     (0, "line")) for load, changes in loads.items()]
    points += [Point(f"{text}, 4 queues", _with(messages=messages, queues=4))
               for messages, text in ((None, "MSI-X, a message per queue"), (1, "one message"),
                                      (0, "line"))]
    return Series("interrupts", "Interrupts (4 KiB random read, lock-step)", tuple(points))


def _parameters() -> Series:
    points = [
        Point(f"CompletionsPerInterrupt {count}, {text} at a time",
              _with(loading=f"closed:{text}", parameters=(f"CompletionsPerInterrupt={count}",)))
        for text in (1, 4) for count in (1, 4, 16)]
    points += [Point("4 processors, 4 queues", _with(queues=4)),
               Point("4 processors, MaximumQueues 1", _with(queues=4, parameters=("MaximumQueues=1",))),
               Point("depth 256", _with(depth=256)),
               Point("depth 256, MaximumDepth 32", _with(depth=256, parameters=("MaximumDepth=32",)))]
    points += [Point("PackedRing 1, offered", _with(device=("offer=RING_PACKED",))),
               Point("InOrder 1, offered", _with(device=("offer=IN_ORDER",)))]
    return Series("parameters", "What a user can set (docs/debugging.md; 4 KiB random read, depth 32)",
                  tuple(points))


SERIES = {series.name: series for series in (_depth(), _loading(), _size(), _kinds(), _queues(),
                                             _rings(), _interrupts(), _parameters())}

# What `make check` holds against the recorded figures.
GUARDED = (
    STANDARD,
    _with(loading=CLOSED),
    _with(depth=1),
    _with(depth=256, device=("order=shuffle",)),
    _with(operation="write"),
    _with(operation="flush"),
    _with(queues=4),
    _with(size="64k"),
    _with(size="max", depth=4, requests=16),
    _with(messages=0),
    _with(device=("withhold=INDIRECT_DESC",)),
    _with(device=("offer=RING_PACKED",)),
)


def all_workloads(names: list[str]) -> list[Workload]:
    """Those of the series, each once."""
    return list(dict.fromkeys(point.workload for name in names for point in SERIES[name].points))
