// What ports/esp32/main.c calls when a program has ended. boards/hardened.py never lets it; should it come to that all
// the same, the chip starts anew: pyexec.c has no prompt without a compiler.

#include "esp_system.h"
#include "shared/runtime/pyexec.h"

int pyexec_raw_repl(void) {
    esp_restart();
}

int pyexec_friendly_repl(void) {
    esp_restart();
}
