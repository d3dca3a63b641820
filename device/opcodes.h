/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Command headers of generation 9. Names and bits: Intel's public Programmer's Reference Manual for
 * Skylake, volume 2a, "Command Reference: Instructions".
 */
#ifndef SOFTGEM_DEVICE_OPCODES_H
#define SOFTGEM_DEVICE_OPCODES_H

/* Bits 31:29: who the command is for. */
#define CLIENT(header)			((header) >> 29)
#define CLIENT_MI			0
#define CLIENT_2D			2
#define CLIENT_3D			3	/* 3D, media, video */

/* MI commands: bits 28:23. Those below MI_FIRST_LONG are one dword long. */
#define MI_OPCODE(header)		((header) >> 23 & 0x3f)
#define MI_FIRST_LONG			0x10
#define MI_NOOP				0x00
#define MI_SET_PREDICATE		0x01
#define MI_USER_INTERRUPT		0x02
#define MI_WAIT_FOR_EVENT		0x03
#define MI_FLUSH			0x04
#define MI_ARB_CHECK			0x05
#define MI_RS_CONTROL			0x06
#define MI_REPORT_HEAD			0x07
#define MI_ARB_ON_OFF			0x08
#define MI_URB_ATOMIC_ALLOC		0x09
#define MI_BATCH_BUFFER_END		0x0a
#define MI_SUSPEND_FLUSH		0x0b
#define MI_PREDICATE			0x0c
#define MI_TOPOLOGY_FILTER		0x0d
#define MI_SET_APPID			0x0e
#define MI_RS_CONTEXT			0x0f
#define MI_LOAD_SCAN_LINES_INCL		0x12
#define MI_LOAD_SCAN_LINES_EXCL		0x13
#define MI_DISPLAY_FLIP			0x14
#define MI_SET_CONTEXT			0x18
#define MI_URB_CLEAR			0x19
#define MI_MATH				0x1a
#define MI_SEMAPHORE_SIGNAL		0x1b
#define MI_SEMAPHORE_WAIT		0x1c
#define MI_FORCE_WAKEUP			0x1d
#define MI_STORE_DATA_IMM		0x20
#define MI_STORE_DATA_INDEX		0x21
#define MI_LOAD_REGISTER_IMM		0x22
#define MI_UPDATE_GTT			0x23
#define MI_STORE_REGISTER_MEM		0x24
#define MI_FLUSH_DW			0x26
#define MI_CLFLUSH			0x27
#define MI_REPORT_PERF_COUNT		0x28
#define MI_LOAD_REGISTER_MEM		0x29
#define MI_LOAD_REGISTER_REG		0x2a
#define MI_RS_STORE_DATA_IMM		0x2b
#define MI_LOAD_URB_MEM			0x2c
#define MI_STORE_URB_MEM		0x2d
#define MI_COPY_MEM_MEM			0x2e
#define MI_ATOMIC			0x2f
#define MI_BATCH_BUFFER_START		0x31
#define MI_CONDITIONAL_BATCH_BUFFER_END	0x36

#define MI_USE_GGTT			BIT(22)

#define MI_NOOP_WRITE_ID		BIT(22)
#define MI_NOOP_ID(header)		((header) & 0x3fffff)
#define MI_ARB_ON			BIT(0)
#define MI_STORE_QWORD			BIT(21)
#define MI_SRM_PREDICATE		BIT(21)
#define MI_LRI_BYTE_DISABLES(header)	((header) >> 8 & 0xf)
#define MI_COPY_SRC_GGTT		BIT(22)
#define MI_COPY_DST_GGTT		BIT(21)

#define MI_SEMAPHORE_POLL_REGISTER	BIT(16)

#define MI_BBS_SECOND_LEVEL		BIT(22)
#define MI_BBS_ADD_OFFSET		BIT(16)
#define MI_BBS_PREDICATE		BIT(15)
#define BB_OFFSET			0x2158

#define MI_CBBE_COMPARE			BIT(21)
#define MI_CBBE_MASK			BIT(19)
#define MI_COMPARE_OP(header)		((header) >> 12 & 7)

#define MI_PREDICATE_LOAD(header)	((header) >> 6 & 3)
#define MI_PREDICATE_LOADOP_LOAD	2
#define MI_PREDICATE_LOADOP_LOADINV	3
#define MI_PREDICATE_COMBINE(header)	((header) >> 3 & 3)
#define MI_PREDICATE_AND		1
#define MI_PREDICATE_OR			2
#define MI_PREDICATE_XOR		3
#define MI_PREDICATE_COMPARE(header)	((header) & 3)
#define MI_PREDICATE_TRUE		0
#define MI_PREDICATE_FALSE		1
#define MI_PREDICATE_SRCS_EQUAL		2
#define MI_SET_PREDICATE_ENABLE(header)	((header) & 0xf)

#define MI_ATOMIC_SIZE(header)		((header) >> 19 & 3)
#define MI_ATOMIC_INLINE		BIT(18)
#define MI_ATOMIC_RETURN		BIT(16)
#define MI_ATOMIC_OP(header)		((header) >> 8 & 0xff)

#define MI_FLUSH_DW_INDEX		BIT(21)
#define MI_FLUSH_DW_POST_SYNC(header)	((header) >> 14 & 3)
#define MI_FLUSH_DW_GGTT		BIT(2)		/* of the address */

#define MI_RPC_GGTT			BIT(0)		/* of the address */

/* Post-sync operations of MI_FLUSH_DW and PIPE_CONTROL. */
#define POST_SYNC_NONE			0
#define POST_SYNC_IMMEDIATE		1
#define POST_SYNC_DEPTH_COUNT		2
#define POST_SYNC_TIMESTAMP		3

/* 3D and media: bits 28:27 subtype, 26:24 opcode, 23:16 sub-opcode. */
#define GFX_SUBTYPE(header)		((header) >> 27 & 3)
#define GFX_OPCODE(header)		((header) >> 24 & 7)
#define GFX_SUB_OPCODE(header)		((header) >> 16 & 0xff)
#define GFX_SINGLE_DWORD		1
#define GFX_MEDIA			2
#define GFX_3D				3

#define GFX_3D_BINDING_TABLE_EDIT_VS	0x43	/* opcode 0; HS, DS, GS, PS follow */
#define GFX_3D_BINDING_TABLE_EDIT_PS	0x47
#define GFX_3D_SO_DECL_LIST		0x17	/* opcode 1 */
#define GFX_MEDIA_GPGPU_OBJECT		0x04	/* opcode 1 */
#define GFX_MEDIA_GPGPU_WALKER		0x05

#define PIPE_CONTROL(header)		(((header) & 0xffff0000u) == 0x7a000000u)
#define PIPE_CONTROL_INDEX		BIT(21)
#define PIPE_CONTROL_GGTT		BIT(24)
#define PIPE_CONTROL_POST_SYNC(flags)	((flags) >> 14 & 3)

#endif
