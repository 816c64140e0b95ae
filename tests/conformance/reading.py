# SPDX-License-Identifier: BSD-3-Clause
"""The command lines whose output is recorded, and the programs of sg3_utils that have none.

Where a line has no {}, the disk comes behind it. Most of these ask for something that a disk may lack;
that this one lacks it is to be said cleanly, so the refusals are recorded as well.
"""

INQUIRY = [
    "sg_inq", "sg_inq --export", "sg_inq --only", "sg_inq --cmddt", "sg_inq --vpd",
    "sg_inq --vpd --page=0x80", "sg_inq --vpd --page=0x83",
    "sg_vpd", "sg_vpd --all", "sg_vpd --page=di", "sg_vpd --page=sn", "sg_vpd --page=bl",
    "sg_vpd --page=bdc", "sg_vpd --page=lbpv", "sg_vpd --page=ei", "sg_vpd --page=0xb7",
    "sdparm --inquiry", "sdparm --inquiry --all", "sdparm --inquiry --page=bl",
    "sdparm --inquiry --page=di", "sdparm --inquiry --page=sn", "sdparm --inquiry --page=bdc",
    "sdparm --inquiry --page=lbpv", "sdparm --inquiry --page=ei", "sdparm --inquiry --page=sp",
]

MODE = [
    "sg_modes --all", "sg_modes --control=1 --all", "sg_modes --control=2 --all",
    "sg_modes --control=3 --all", "sg_modes --six --all", "sg_modes --llbaa --all",
    "sg_modes --dbd --page=0x3f,0xff", "sg_modes --page=0x08,0xff", "sg_modes --page=0x08,0x01",
    "sg_modes --page=0x19", "sg_rdac", "sginfo -a",
    "sdparm --all", "sdparm --all --long", "sdparm --six --all", "sdparm --page=rw",
    "sdparm --page=co", "sdparm --page=ie", "sdparm --page=ca --long", "sdparm --page=ca --hex",
    "sdparm --get=WCE --quiet",
]

WHAT_IT_CAN = [
    "sg_opcodes --no-inquiry", "sg_opcodes --no-inquiry --rctd", "sg_opcodes --no-inquiry --tmf",
    "sg_opcodes --no-inquiry --opcode=0x42", "sg_opcodes --no-inquiry --opcode=0x5f",
    "sg_opcodes --no-inquiry --opcode=0x9e,0x10", "sg_opcodes --no-inquiry --opcode=0x9e,0x13",
    "sg_luns", "sg_luns --select=0x01", "sg_luns --select=0x02", "sg_luns --select=0x10",
    "sg_luns --select=0x11", "sg_luns --select=0x12", "sg_luns --select=0x13", "sg_luns --linux",
    "scsi_mandat",
]

MEDIUM = [
    "sg_readcap", "sg_readcap --16", "scsi_readcap", "sdparm --command=capacity",
    "sg_get_lba_status --lba=5", "sg_get_lba_status --lba=131072", "sg_get_lba_status --32 --lba=0",
    "sg_verify --lba=0 --count=2048", "sg_verify --16 --lba=100 --count=20",
    "sg_verify --lba=131072 --count=1", "sg_sync", "sg_sync --16", "sg_sync --lba=5 --count=3",
    "sdparm --command=sync", "sg_read if={} bs=512 count=4", "sg_dd if={} of=/dev/null bs=512 count=8",
    "sgp_dd if={} of=/dev/null bs=512 count=8",
]

STATE = [
    "sg_turs", "scsi_ready", "sdparm --command=ready", "sg_requests", "sg_requests --desc",
    "sdparm --command=sense", "sg_start --start", "scsi_start", "scsi_stop", "sdparm --command=start",
    "sg_prevent --allow", "sdparm --command=unlock", "sg_senddiag --test", "sg_logs", "sg_logs --list",
    "scsi_temperature",
]

LACKING = [
    "sg_persist --in --read-keys", "sg_persist --in --report-capabilities", "sg_rbuf --quick",
    "sg_read_buffer", "sg_safte", "sg_ses", "sg_rep_zones", "sg_rtpg", "sg_referrals", "sg_seek --lba=5",
    "sg_ident", "sg_get_elem_status", "sg_read_attr", "sg_read_block_limits", "sg_read_long --lba=0",
    "sg_read_long --16 --lba=0", "sg_rmsn", "sg_timestamp", "sg_copy_results --params",
    "sg_sat_identify", "sg_sat_read_gplog", "sg_sat_phy_event", "sg_rep_pip", "sg_get_config",
    "sg_stream_ctl --get", "sdparm --command=speed", "sdparm --command=profile",
]

READING = INQUIRY + MODE + WHAT_IT_CAN + MEDIUM + STATE + LACKING

# What depends on the size of blocks: recorded for the disks with others, too.
READING_SHAPE = ["sg_readcap --16", "sg_vpd --page=bl", "sg_modes --llbaa --all",
                 "sg_get_lba_status --lba=5", "sdparm --command=capacity"]

# Programs of the two packages that have no record.
CHANGING = """sg_bg_ctl sg_compare_and_write sg_emc_trespass sg_format sg_reassign sg_reset_wp sg_sanitize
    sg_sat_set_features sg_ses_microcode sg_stpg sg_test_rwbuf sg_unmap sg_wr_mode sg_write_buffer
    sg_write_long sg_write_same sg_write_verify sg_write_x sg_xcopy sg_zone scsi_ch_swp
    sas_disk_blink""".split()
OF_LINUX = """sg_map sg_map26 sg_scan sg_reset sgm_dd rescan-scsi-bus.sh scsi_logging_level""".split()
OTHER = {
    "sg_decode_sense": "reads no disk",
    "sg_raw": "sends what it is told: see tests/system/test_sg.py",
    "scsi_satl": "judges translators of ATA disks, which this is not",
}
NOT_RECORDED = {*CHANGING, *OF_LINUX, *OTHER}
