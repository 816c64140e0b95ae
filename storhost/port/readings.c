/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of readings and how one is chosen: see readings.h. */
#include "port/readings.h"

#include <stdatomic.h>
#include <string.h>

#include "base/random.h"
#include "port/internal.h"

/* A statement, and what stands behind each answer: a page of the reference, a published sample, or that
 * none says. */
struct reading_row {
    const char *name;
    const char *statement;
    const char *yes, *no;
};

/* Pages are those of the reference (windows-driver-docs-ddi, windows-driver-docs). */
static const struct reading_row rows[READING_COUNT] = {
    [READING_2003_PNP] = {"2003-pnp",
                          "StorPort of Server 2003 sends a PnP request (drawn for each)",
                          "mingw-w64's ddk/srb.h, which ends at Server 2003, has "
                          "SCSI_PNP_REQUEST_BLOCK",
                          "the StorPort sample lsi_u3, of those years, has no case for "
                          "SRB_FUNCTION_PNP"},
    [READING_DUMP_EXTENDED] = {"dump-extended",
                               "the dump port driver sends extended request blocks",
                               "HW_INITIALIZATION_DATA, SrbTypeFlags: the miniport says so in its "
                               "DriverEntry, as it does to StorPort",
                               "\"Restrictions on Miniport Drivers that Manage the Boot Drive\" "
                               "names routines that are the same there, not requests"},
    [READING_DUMP_POLLS_IDLE] = {"dump-polls-idle",
                                 "HwInterrupt is called in a dump while nothing is outstanding "
                                 "(drawn for each request)",
                                 "HW_INTERRUPT: it is called also for what is not its adapter's",
                                 "\"Restrictions on Miniport Drivers that Manage the Boot Drive\": "
                                 "calls are made for the one request there is"},
    [READING_CONTROL_LOCKED] = {"control-locked",
                                "ScsiStopAdapter and ScsiRestartAdapter come at DIRQL with the "
                                "interrupt lock held (drawn for each)",
                                "HW_ADAPTER_CONTROL, table of IRQLs and locks",
                                "StorPortAcquireSpinLock: no lock is held in HwStorAdapterControl, "
                                "and storahci frees pool in it"},
    [READING_FREES_PHYSICAL] =
        {"frees-physical", "HwFreeAdapterResources is called where a physical miniport has one",
         "HW_INITIALIZATION_DATA has the entry for any miniport",
         "HW_FREE_ADAPTER_RESOURCES: it is a virtual miniport's"},
    [READING_MARK_INITIALIZE] =
        {"mark-initialize",
         "HwInitialize is called after a HwFindAdapter with "
         "DUMP_MODE_MARK_MEMORY",
         "HW_INITIALIZE: it is called after HwFindAdapter",
         "PORT_CONFIGURATION_INFORMATION, DumpMode: the miniport is used for "
         "marking memory"},
    [READING_LENGTH_OF_PAGE] =
        {"length-of-page",
         "the length that StorPortGetPhysicalAddress gives for memory that is "
         "no request's ends with the page",
         "StorPortGetPhysicalAddress: for contiguous memory it \"should be "
         "ignored\"",
         "the same: it is the number of bytes mapped from there on"},
    [READING_FULL64_BEFORE_8] =
        {"full64-before-8",
         "SCSI_DMA64_MINIPORT_FULL64BIT_SUPPORTED has an effect before "
         "Windows 8",
         "PORT_CONFIGURATION_INFORMATION as of 2017: defined from 2003 SP1 on, "
         "enabled from Windows 7 with hotfix KB2468345 on",
         "the same: without the hotfix it is not"},
    [READING_GROUP_MESSAGES] = {"group-messages",
                                "interrupt messages go to the processors of all groups",
                                "IRQ_GROUP_POLICY (wdm.h): GroupAffinityDontCare, which the INF "
                                "asks for by GroupPolicy",
                                "\"Interrupt Affinity\" names no GroupPolicy among the values of "
                                "the registry, and each affinity mask is of one group"},
    [READING_DUMP_PAGES] = {"dump-pages", "uncached memory of a dump begins at a page boundary",
                            "it is a common buffer that is made when the system starts: "
                            "AllocateCommonBuffer gives whole pages",
                            "StorPortGetUncachedExtension promises no alignment, and storahci's "
                            "authors found none of 1 KiB in a dump"},
};

enum settled {
    SETTLED_NOT,
    SETTLED_YES,
    SETTLED_NO
};

static uint64_t chosen_seed;
static enum settled settled[READING_COUNT];
/* What was asked for, and what it was then. */
static atomic_bool played_yes[READING_COUNT], played_no[READING_COUNT];

/* By name, so that a new reading leaves those that were there as they are. */
static bool choose(enum reading reading)
{
    uint64_t state = chosen_seed;

    for (const char *c = rows[reading].name; *c != '\0'; c++) {
        state = random_mix(state ^ (uint8_t)*c);
    }
    return (random_mix(state + RANDOM_STEP) & 1) != 0;
}

void readings_begin(uint64_t seed)
{
    chosen_seed = seed;
}

bool reading_settle(const char *text)
{
    const char *value = strchr(text, '=');

    for (unsigned i = 0; value != NULL && i < READING_COUNT; i++) {
        size_t length = strlen(rows[i].name);

        if (text + length != value || strncmp(text, rows[i].name, length) != 0) {
            continue;
        }
        settled[i] = strcmp(value, "=yes") == 0  ? SETTLED_YES
                     : strcmp(value, "=no") == 0 ? SETTLED_NO
                                                 : SETTLED_NOT;
        return settled[i] != SETTLED_NOT;
    }
    return false;
}

static bool play(enum reading reading, bool yes)
{
    atomic_store(yes ? &played_yes[reading] : &played_no[reading], true);
    return yes;
}

bool reading_is(enum reading reading)
{
    return play(reading, settled[reading] == SETTLED_NOT ? choose(reading)
                                                         : settled[reading] == SETTLED_YES);
}

bool reading_now(enum reading reading, struct port *port)
{
    /* Settled or not it is drawn, so that all else stays as it is; which of both a draw means is by the
     * seed of the readings, as the port's own is the same in most tests. */
    bool drawn = (port_random(port, 2) != 0) != choose(reading);

    return play(reading, settled[reading] == SETTLED_NOT ? drawn : settled[reading] == SETTLED_YES);
}

void readings_report(FILE *file)
{
    bool any = false;

    for (unsigned i = 0; i < READING_COUNT; i++) {
        bool yes = atomic_load(&played_yes[i]), no = atomic_load(&played_no[i]);

        if (yes || no) {
            if (!any) {
                fprintf(file,
                        "storhost: played with --readings=%llu:", (unsigned long long)chosen_seed);
            }
            fprintf(file, " %s=%s", rows[i].name, yes && no ? "both" : yes ? "yes" : "no");
            any = true;
        }
    }
    if (any) {
        fputc('\n', file);
    }
}

void readings_list(FILE *file)
{
    for (unsigned i = 0; i < READING_COUNT; i++) {
        fprintf(file, "%s: %s\n  yes  %s\n  no   %s\n", rows[i].name, rows[i].statement,
                rows[i].yes, rows[i].no);
    }
}
