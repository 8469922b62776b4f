# A 32-bit lock without hardware: RV32IMC, as in an ESP32-C3, on QEMU's `virt` machine. For ports/qemu of
# MicroPython 1.25; MBEDTLS is a folder with the sources of Mbed TLS 3.6.

QEMU_ARCH = riscv32
QEMU_MACHINE = virt
RV32_ARCH = rv32imc_zicsr

CFLAGS += -DQEMU_SOC_VIRT -DMICROPY_HW_MCU_NAME='"$(RV32_ARCH)"'
CFLAGS += -I$(BOARD_DIR) -DMP_CONFIGFILE='<mpconfigboard.h>'
CFLAGS += -DMBEDTLS_CONFIG_FILE='<crypto.h>' -I$(MBEDTLS)/include

LDSCRIPT = $(BOARD_DIR)/memory.ld
# 1: no prompt, the lock in the image; see manifest_hardened.py.
HARDENED ?= 0
CFLAGS += -DHARDENED=$(HARDENED)
FROZEN_MANIFEST = $(BOARD_DIR)/$(if $(filter 1,$(HARDENED)),manifest_hardened.py,manifest.py)
MPY_CROSS_FLAGS += -march=rv32imc

SRC_BOARD_O += shared/runtime/gchelper_native.o shared/runtime/gchelper_rv32i.o
SRC_C += $(BOARD_DIR)/beside.c $(BOARD_DIR)/board.c $(BOARD_DIR)/flash.c shared/timeutils/timeutils.c
SRC_C += $(addprefix $(MBEDTLS)/library/, aes.c sha1.c sha256.c platform_util.c constant_time.c)

MICROPY_VFS_FAT = 1
MICROPY_VFS_LFS2 = 1

# board.c and beside.c bring their own.
$(BUILD)/mphalport.o: CFLAGS += -Dmp_hal_stdio_poll=port_stdio_poll -Dmp_hal_stdin_rx_chr=port_stdin_rx_chr
$(BUILD)/main.o: CFLAGS += -Dmain=port_main -Dgc_collect=port_gc_collect
$(BUILD)/py/gc.o: CFLAGS += -Dgc_alloc=port_gc_alloc -Dgc_realloc=port_gc_realloc -Dgc_free=port_gc_free
