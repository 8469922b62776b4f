"""The one file that knows which interpreter runs: CPython (cloud, tools, tests) or MicroPython (the lock).

| name                             | gives                                                                   |
|----------------------------------|-------------------------------------------------------------------------|
| `VIPER`                          | whether functions can be compiled to machine code with viper            |
| `const(value)`                   | the value; MicroPython folds it away where the name starts with `_`     |
| `aes_ecb(key)`                   | a function that encrypts whole 16-byte blocks, each on its own          |
| `aes_cbc(key, iv)`               | a function that encrypts whole blocks in CBC mode, each call going on   |
| `sha512(*parts)`                 | the 64-byte digest of the parts joined                                  |
| `collect()`                      | collects garbage, where it does not count references                    |
| `collect_after(size)`            | sets after how many bytes that comes by itself, -1: the last; gives what was |
| `ticks_ms()`                     | milliseconds that count up and wrap; only their difference means a thing |
| `ticks_add(ticks, ms)`           | the ticks that many milliseconds later                                  |
| `ticks_diff(later, earlier)`     | signed milliseconds between two of them                                 |
"""

try:
    from cryptolib import aes as _aes
except ImportError:  # CPython
    import hashlib
    import time

    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    VIPER = False
    _PERIOD = 1 << 30  # the ESP32's ticks wrap there, so ours do too: no test passes by never wrapping

    def const(value):
        return value

    def aes_ecb(key):
        return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update

    def aes_cbc(key, iv):
        return Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor().update

    def sha512(*parts):
        digest = hashlib.sha512()
        for part in parts:
            digest.update(part)
        return digest.digest()

    def collect():
        pass

    def collect_after(size):
        return -1

    def ticks_ms():
        return time.monotonic_ns() // 1_000_000 % _PERIOD

    def ticks_add(ticks, ms):
        return (ticks + ms) % _PERIOD

    def ticks_diff(later, earlier):
        return (later - earlier + _PERIOD // 2) % _PERIOD - _PERIOD // 2
else:  # MicroPython
    import gc
    from time import ticks_add, ticks_diff, ticks_ms  # type: ignore  # noqa: F401

    from micropython import const  # type: ignore

    from protocol.sha512 import sha512  # noqa: F401

    VIPER = True
    _ECB = const(1)  # cryptolib's numbers
    _CBC = const(2)

    def aes_ecb(key):
        return _aes(key, _ECB).encrypt

    def aes_cbc(key, iv):
        return _aes(key, _CBC, iv).encrypt

    collect = gc.collect

    def collect_after(size):
        before = gc.threshold()  # type: ignore
        gc.threshold(size)  # type: ignore
        return before
