// What the host has written into memory before the start, little-endian; tools/rv32.py knows the same table.

#include <stdint.h>

typedef struct {
    uint32_t magic;
    uint32_t heap; // bytes
    uint32_t seed; // of os.urandom, not 0
    uint32_t unix_s; // what time.time() begins at
    uint32_t stretch; // how much slower the board is than QEMU's processor, to which an instruction takes 1 ns or more
    uint32_t cut_at; // the power goes in that change to the flash, 1 the first of this run; 0: it stays
    uint32_t tear; // how much of that change is there: see flash.c
} options_t;

#define MAGIC (0x54535352) // "RSST"

extern const options_t _board_options;
