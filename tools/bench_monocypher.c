// What Monocypher in C takes to verify one signature by any key, for bench_lock.py: instructions on the bare RV32 machine
// (boards/qemu_rv32/memory.ld), nanoseconds elsewhere. Its EdDSA hashes with BLAKE2b where Ed25519 has SHA-512.

#include <stdint.h>
#include <string.h>

#include "monocypher.h"

#define MESSAGE (175)

static int verify(uint64_t (*now)(void), uint64_t *cost) {
    uint8_t seed[32], secret[64], public_key[32], message[MESSAGE], signature[64];
    memset(seed, 7, sizeof(seed));
    memset(message, 'm', sizeof(message));
    crypto_eddsa_key_pair(secret, public_key, seed);
    crypto_eddsa_sign(signature, secret, message, MESSAGE);
    int bad = crypto_eddsa_check(signature, public_key, message, MESSAGE);
    uint64_t start = now();
    bad |= crypto_eddsa_check(signature, public_key, message, MESSAGE);
    *cost = now() - start;
    message[0] ^= 1;
    return bad == 0 && crypto_eddsa_check(signature, public_key, message, MESSAGE) != 0;
}

#ifdef __riscv

static uint64_t retired(void) {
    uint32_t count;
    __asm volatile ("csrr %0, minstret" : "=r" (count));
    return count;
}

static void print(uint32_t value) {
    char digits[10];
    int n = 0;
    do {
        digits[n++] = '0' + value % 10;
        value /= 10;
    } while (value);
    while (n) {
        *(volatile uint8_t *)0x10000000 = digits[--n];
    }
}

__attribute__((used)) static void run(void) {
    uint64_t cost;
    int ok = verify(retired, &cost);
    print((uint32_t)cost);
    *(volatile uint32_t *)0x100000 = ok ? 0x5555 : 1 << 16 | 0x3333; // QEMU's test device ends the machine
    for (;;) {
    }
}

__attribute__((naked, section(".start"))) void start(void) {
    __asm volatile ("la sp, _estack\n j run");
}

#else

#include <stdio.h>
#include <time.h>

static uint64_t nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

int main(void) {
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 200; i++) {
        uint64_t cost;
        if (!verify(nanoseconds, &cost)) {
            return 1;
        }
        best = cost < best ? cost : best;
    }
    printf("%llu", (unsigned long long)best);
    return 0;
}

#endif
