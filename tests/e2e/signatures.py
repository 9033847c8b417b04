"""What tools that a minimal host has not (pvcreate, mdadm) write to a disk, so far as others look at it."""

from __future__ import annotations

import struct
import zlib


def lvm_member() -> tuple[int, bytes]:
    """Offset and content of the label of a physical volume of LVM2 (its lib/label/label.c, format_text/layout.h)."""
    identity = b"A" * 32
    sector = b"LVM2 001" + identity + struct.pack("<QQQ", 64 << 20, 0, 0)
    checked = (struct.pack("<I", 32) + sector).ljust(512 - 20, b"\0")
    crc = zlib.crc32(checked, 0xF597A6CF ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
    return 512, b"LABELONE" + struct.pack("<QI", 1, crc) + checked


def raid_member() -> tuple[int, bytes]:
    """Offset and content of a superblock of md, version 1.2 (mdadm, super1.c)."""
    block = bytearray(256)
    struct.pack_into("<III", block, 0, 0xA92B4EFC, 1, 0)
    block[16:32] = b"B" * 16
    block[32:38] = b"host:0"
    struct.pack_into("<Q", block, 144, 8)
    total = sum(struct.unpack("<64I", block))
    struct.pack_into("<I", block, 216, ((total & 0xFFFFFFFF) + (total >> 32)) & 0xFFFFFFFF)
    return 4096, bytes(block)
