// The port's settings, and over them those of a stock ESP32 build as far as the lock can see.
#include "mpconfigport.h"

#undef MICROPY_PY_TIME
#define MICROPY_PY_TIME (1)
#define MICROPY_PY_TIME_TIME_TIME_NS (1)
#define MICROPY_PY_TIME_GMTIME_LOCALTIME_MKTIME (1)
#define MICROPY_EPOCH_IS_1970 (1) // unlike an ESP32, for the simulated world; the lock's logic asks neither
#define MICROPY_PY_TIME_INCLUDEFILE "wall.h"
#undef MICROPY_PY_SELECT
#define MICROPY_PY_SELECT (1)
#undef MICROPY_PY_ASYNCIO
#define MICROPY_PY_ASYNCIO (1)
#undef MICROPY_PY_SYS_STDIO_BUFFER
#define MICROPY_PY_SYS_STDIO_BUFFER (1)
#define MICROPY_PY_OS_URANDOM (1)
#define MICROPY_PY_OS_INCLUDEFILE "urandom.h"
#define MICROPY_PY_CRYPTOLIB (1)
#define MICROPY_PY_HASHLIB_SHA1 (1)
#define MICROPY_SSL_MBEDTLS (1)
#define MICROPY_FATFS_ENABLE_LFN (1)
#define MICROPY_FATFS_RPATH (2)

// Off on an ESP32: a count of every allocation would also cost what it counts.
#undef MICROPY_MEM_STATS
#define MICROPY_MEM_STATS (0)

// An ESP32-C3 has neither extension, and Debian 12's QEMU has no Zcmp.
#define MICROPY_EMIT_RV32_ZBA (0)
#define MICROPY_EMIT_RV32_ZCMP (0)

void board_poll(void);
void board_wait(long timeout_ms);
#define MICROPY_INTERNAL_EVENT_HOOK board_poll()
#define MICROPY_INTERNAL_WFE(timeout_ms) board_wait(timeout_ms)

// The hardened image takes no source and listens to no key; `make` is given HARDENED=1.
#if HARDENED
#define MICROPY_ENABLE_COMPILER (0)
#undef MICROPY_KBD_EXCEPTION
#define MICROPY_KBD_EXCEPTION (0)
#define MICROPY_HELPER_REPL (0)
#define MICROPY_PY_BUILTINS_INPUT (0)
#define MICROPY_PY_SYS_PS1_PS2 (0)
#undef MICROPY_MODULE_FROZEN_STR
#define MICROPY_MODULE_FROZEN_STR (0)
#endif
