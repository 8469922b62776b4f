// In place of the port's mpconfigport.h, which it includes: what that sets without asking the board.
#include "mpconfigport.h"

// No second input or output of a prompt, and nothing that serves one over the air.
#undef MICROPY_PY_OS_DUPTERM
#define MICROPY_PY_OS_DUPTERM (0)
#undef MICROPY_PY_OS_DUPTERM_NOTIFY
#define MICROPY_PY_OS_DUPTERM_NOTIFY (0)
#undef MICROPY_PY_WEBREPL
#define MICROPY_PY_WEBREPL (0)
#undef MICROPY_PY_WEBSOCKET
#define MICROPY_PY_WEBSOCKET (0)
