/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices that are in use, as options of this one: what each offers, withholds and answers, by its own
 * source. docs/devices.md says where that stands; keep both in step.
 */
#include "devices/scripted/scripted.h"

#include <stdio.h>
#include <string.h>

#define MODERN "transport=modern,features=0,offer=VERSION_1,"
#define LEGACY "transport=legacy,features=0,"

static const struct scripted_profile profiles[] = {
    {"qemu", "QEMU's virtio-blk-pci",
     "transport=transitional,queue-size=256,offer=DISCARD,offer=WRITE_ZEROES,offer=RING_RESET,"
     "discard-sectors=4194303,zeroes-sectors=4194303,may-unmap=on,seg-max=254,serial=QEMU"},
    {"qemu-old", "QEMU's before 1.0: virtio 0.9, a write's data counted in",
     LEGACY "offer=SEG_MAX,offer=GEOMETRY,offer=BLK_SIZE,offer=FLUSH,offer=TOPOLOGY,"
            "offer=INDIRECT_DESC,queue-size=128,seg-max=126,vectors=2,used-length=chain,"
            "serial=QEMU"},
    {"qemu-storage-daemon", "its vhost-user-blk export",
     MODERN "offer=SIZE_MAX,offer=SEG_MAX,offer=TOPOLOGY,offer=BLK_SIZE,offer=FLUSH,offer=DISCARD,"
            "offer=WRITE_ZEROES,offer=CONFIG_WCE,offer=MQ,offer=INDIRECT_DESC,offer=EVENT_IDX,"
            "queue-size=128,size-max=0,seg-max=126,min-io-size=1,opt-io-size=1,"
            "discard-sectors=32768,zeroes-sectors=32768,serial=vhost_user_blk"},
    {"spdk", "SPDK's vhost-user-blk target",
     MODERN "offer=SIZE_MAX,offer=SEG_MAX,offer=TOPOLOGY,offer=BLK_SIZE,offer=FLUSH,offer=DISCARD,"
            "offer=WRITE_ZEROES,offer=MQ,offer=INDIRECT_DESC,queue-size=128,queues=2,"
            "size-max=131072,seg-max=126,min-io-size=1,discard-sectors=32768,"
            "zeroes-sectors=32768,serial=Malloc0             "},
    {"cloud-hypervisor", "Cloud Hypervisor's own, from v52 on",
     MODERN "offer=FLUSH,offer=CONFIG_WCE,offer=BLK_SIZE,offer=TOPOLOGY,offer=SEG_MAX,"
            "offer=EVENT_IDX,offer=INDIRECT_DESC,offer=WRITE_ZEROES,offer=DISCARD,queue-size=128,"
            "seg-max=126,discard-sectors=4294967295,zeroes-sectors=4294967295,may-unmap=on,"
            "serial=cloud-hypervisor"},
    {"cloud-hypervisor-51", "the same up to v51: a write's data counted in",
     MODERN "offer=FLUSH,offer=CONFIG_WCE,offer=BLK_SIZE,offer=TOPOLOGY,offer=SEG_MAX,"
            "offer=EVENT_IDX,offer=INDIRECT_DESC,queue-size=128,seg-max=126,used-length=chain,"
            "serial=cloud-hypervisor"},
    {"cloud-hypervisor-vhost-user", "Cloud Hypervisor's vhost_user_block",
     MODERN "offer=SEG_MAX,offer=BLK_SIZE,offer=FLUSH,offer=TOPOLOGY,offer=MQ,offer=CONFIG_WCE,"
            "offer=EVENT_IDX,queue-size=128,seg-max=126,min-io-size=1,opt-io-size=1,"
            "used-length=chain,serial=vhost"},
    {"firecracker", "Firecracker's, on PCI",
     MODERN "offer=EVENT_IDX,offer=FLUSH,queue-size=256,seg-max=1,vectors=2,serial=firecracker"},
    {"crosvm", "crosvm's",
     MODERN "offer=EVENT_IDX,offer=SEG_MAX,offer=BLK_SIZE,offer=FLUSH,offer=DISCARD,"
            "offer=WRITE_ZEROES,offer=MQ,queues=16,queue-size=256,seg-max=254,"
            "discard-sectors=4294967295,discard-alignment=128,zeroes-sectors=4294967295,"
            "may-unmap=on,serial=crosvm"},
    {"bhyve", "FreeBSD's bhyve",
     LEGACY "offer=SEG_MAX,offer=BLK_SIZE,offer=FLUSH,offer=TOPOLOGY,offer=INDIRECT_DESC,"
            "offer=DISCARD,queue-size=128,seg-max=126,vectors=2,discard-sectors=32768,"
            "used-length=status,serial=BHYVE-0123-4567-89AB"},
    {"propolis", "Oxide's propolis",
     "transport=transitional,features=0,offer=VERSION_1,offer=SEG_MAX,offer=BLK_SIZE,offer=FLUSH,"
     "offer=DISCARD,offer=INDIRECT_DESC,queue-size=128,seg-max=126,vectors=2,"
     "discard-sectors=2048,serial=none"},
    {"snap", "NVIDIA's SNAP on BlueField, by its defaults",
     MODERN "offer=SIZE_MAX,offer=SEG_MAX,offer=BLK_SIZE,offer=FLUSH,offer=MQ,queues=2,"
            "queue-size=64,size-max=4096,seg-max=1,serial=SNAP"},
};

#define PROFILES (sizeof(profiles) / sizeof(profiles[0]))

const struct scripted_profile *scripted_profile(const char *name)
{
    for (size_t i = 0; i < PROFILES; ++i) {
        if (strcmp(profiles[i].name, name) == 0) {
            return &profiles[i];
        }
    }
    return NULL;
}

void scripted_list_profiles(FILE *stream)
{
    for (size_t i = 0; i < PROFILES; ++i) {
        fprintf(stream, "%-28s %s\n", profiles[i].name, profiles[i].what);
    }
}
