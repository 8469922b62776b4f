// What MicroPython's port to QEMU lacks and a lock needs: a heap whose size the host chooses, clocks, waiting without
// spinning, input that can be polled, numbers for os.urandom, and a start that runs modules/_boot.py as boards do.

#include <stdlib.h>

#include "py/builtin.h"
#include "py/frozenmod.h"
#include "py/gc.h"
#include "py/mphal.h"
#include "py/persistentcode.h"
#include "py/runtime.h"
#include "py/stackctrl.h"
#include "py/stream.h"
#include "shared/runtime/interrupt_char.h"
#include "shared/runtime/pyexec.h"

#include "options.h"

extern char _board_heap;

void beside_clear(void);

// Clocks. QEMU's timer counts tenths of a microsecond.

#define TIMER_HZ (10000000u)
#define MTIMECMP ((volatile uint32_t *)0x02004000)
#define UART_LSR (*(volatile uint8_t *)0x10000005)
#define UART_IER (*(volatile uint8_t *)0x10000001)
#define PLIC_PRIORITY_UART (*(volatile uint32_t *)0x0c000028)
#define PLIC_ENABLE (*(volatile uint32_t *)0x0c002000)
#define PLIC_CLAIM (*(volatile uint32_t *)0x0c200004)
#define UART_IRQ (10)
#define UART_DR (*(volatile uint8_t *)0x10000000)

static uint64_t ticks(void) {
    uint32_t high, low, again;
    do {
        __asm volatile ("rdtimeh %0\n rdtime %1\n rdtimeh %2" : "=r" (high), "=r" (low), "=r" (again));
    } while (high != again);
    return ((uint64_t)high << 32 | low) * _board_options.stretch;
}

mp_uint_t mp_hal_ticks_ms(void) {
    return ticks() / (TIMER_HZ / 1000);
}

mp_uint_t mp_hal_ticks_us(void) {
    return ticks() / (TIMER_HZ / 1000000);
}

mp_uint_t mp_hal_ticks_cpu(void) {
    uint32_t retired;
    __asm volatile ("csrr %0, minstret" : "=r" (retired));
    return retired;
}

uint64_t mp_hal_time_ns(void) {
    return _board_options.unix_s * 1000000000ull + ticks() * (1000000000u / TIMER_HZ);
}

static uint8_t input[1024];
static uint16_t input_head, input_tail;

static bool has_room(void) {
    return (uint16_t)(input_head - input_tail) < sizeof(input);
}

// Sleeps until `when` (ticks), for a millisecond, or until there is input to take in, whichever is first. Timer and
// UART only wake the processor; mstatus.MIE stays off, so nothing here interrupts.
static void sleep_until(uint64_t when) {
    uint64_t soon = ticks() + TIMER_HZ / 1000;
    if (when > soon) {
        when = soon;
    }
    when /= _board_options.stretch;
    MTIMECMP[1] = 0xffffffff;
    MTIMECMP[0] = (uint32_t)when;
    MTIMECMP[1] = (uint32_t)(when >> 32);
    uint32_t wakers = 1 << 7 | (has_room() ? 1 << 11 : 0);
    __asm volatile ("csrci mstatus, 8\n csrs mie, %0\n wfi\n csrc mie, %0" : : "r" (wakers) : "memory");
    for (uint32_t irq; (irq = PLIC_CLAIM) != 0;) {
        PLIC_CLAIM = irq;
        if (UART_LSR & 1) {
            break; // who waits takes it in next
        }
    }
}

void board_wait(long timeout_ms) {
    if (timeout_ms != 0) {
        sleep_until(UINT64_MAX);
    }
}

void mp_hal_delay_us(mp_uint_t us) {
    for (uint64_t end = ticks() + (uint64_t)us * (TIMER_HZ / 1000000); ticks() < end;) {
    }
}

void mp_hal_delay_ms(mp_uint_t ms) {
    uint64_t end = ticks() + (uint64_t)ms * (TIMER_HZ / 1000);
    do {
        mp_event_handle_nowait();
        sleep_until(end);
    } while (ticks() < end);
}

// The console. mpconfigboard.mk renames the port's own two away. Input is taken in whenever a program waits, so that
// Ctrl-C ends one that waits.

void board_poll(void) {
    while ((UART_LSR & 1) && has_room()) {
        uint8_t c = UART_DR;
        #if MICROPY_KBD_EXCEPTION
        if (c == mp_interrupt_char) {
            mp_sched_keyboard_interrupt();
            continue;
        }
        #endif
        input[input_head++ % sizeof(input)] = c;
    }
}

uintptr_t mp_hal_stdio_poll(uintptr_t flags) {
    board_poll();
    return (flags & MP_STREAM_POLL_WR) | (input_head != input_tail ? flags & MP_STREAM_POLL_RD : 0);
}

int mp_hal_stdin_rx_chr(void) {
    for (;;) {
        mp_event_handle_nowait();
        if (input_head != input_tail) {
            return input[input_tail++ % sizeof(input)];
        }
        sleep_until(UINT64_MAX);
    }
}

// os.urandom (extmod/modos.c includes this file's declaration only). xorshift32: repeatable, and no secret.

void board_random(uint8_t *buffer, size_t n) {
    static uint32_t state;
    if (state == 0) {
        state = _board_options.seed | 1;
    }
    for (size_t i = 0; i < n; i++) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        buffer[i] = state >> 24;
    }
}

#ifdef MICROPY_FATFS_ENABLE_LFN
unsigned long int get_fattime(void) {
    return 0;
}
#endif

static void begin(void) {
    uint32_t heap = _board_options.magic == MAGIC ? _board_options.heap : 192 * 1024;
    beside_clear();
    mp_stack_ctrl_init();
    mp_stack_set_limit(15 * 1024);
    gc_init(&_board_heap, &_board_heap + heap);
    PLIC_PRIORITY_UART = 1;
    PLIC_ENABLE = 1 << UART_IRQ;
    UART_IER = 1;
}

#if HARDENED

// The start of the hardened image: one frozen module, and a reset after it, however it ends. There is no prompt, no
// compiler and no key that interrupts in this image: nothing here mentions pyexec.c, so the linker leaves it out.

#define TEST_DEVICE (*(volatile uint32_t *)0x100000)
#define RESET (3 << 16 | 0x3333) // QEMU exits with 3: start me again

int main(int argc, char **argv) {
    begin();
    mp_init();
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        int kind;
        void *boot;
        mp_find_frozen_module("_boot.py", &kind, &boot);
        const mp_frozen_module_t *frozen = boot;
        mp_module_context_t *context = m_new_obj(mp_module_context_t);
        context->module.globals = mp_globals_get();
        context->constants = frozen->constants;
        mp_call_function_0(mp_make_function_from_proto_fun(frozen->proto_fun, context, NULL));
        nlr_pop();
    }
    for (;;) {
        TEST_DEVICE = RESET;
    }
}

#else

// The start, in place of the port's, which has a heap of fixed size and runs no file.

int main(int argc, char **argv) {
    begin();
    for (;;) {
        mp_init();
        pyexec_frozen_module("_boot.py", false);
        int ended = 0;
        if (pyexec_mode_kind == PYEXEC_MODE_FRIENDLY_REPL) { // not when a tool has reset us to talk in the raw one
            ended = pyexec_file_if_exists("main.py");
        }
        while (!(ended & PYEXEC_FORCED_EXIT)) {
            ended = pyexec_mode_kind == PYEXEC_MODE_RAW_REPL ? pyexec_raw_repl() : pyexec_friendly_repl();
            if (ended != 0) {
                break;
            }
        }
        mp_printf(&mp_plat_print, "MPY: soft reboot\n");
        beside_clear();
        gc_sweep_all();
        mp_deinit();
    }
}

#endif
