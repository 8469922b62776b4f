"""A few numbers that outlive a warm boot: in the RTC memory of an ESP32, which only loses them with its power.

MicroPython keeps the bytes and their length there, not whether they are whole (docs: machine.RTC.memory), so a CRC-32
stands behind them: what a brown-out damaged counts as lost.
"""

from binascii import crc32

from protocol import cbor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from machine import RTC

# Whose is whose; numbers are unsigned.
RUNNING = 1  # 1 from boot to farewell: boot_cause.py
SET_AT = 2  # Unix s that the clock was last set to: clock.py
KEPT = 3  # bytes that firmware wants back after a sleep: esp32_board.py

_CRC = 4  # bytes


class RtcMemory:
    """`whole`: what the boot found was written by us, so power has not been lost since."""

    def __init__(self, rtc: "RTC"):
        self._rtc = rtc
        found = self._read()
        self.whole = found is not None
        self._kept = found or {}

    def get(self, key: int):
        """The number kept under that key, or None."""
        return self._kept.get(key)

    def put(self, key: int, value):
        """Keeps a number or bytes; None drops it."""
        if value is None:
            self._kept.pop(key, None)
        else:
            self._kept[key] = value
        body = cbor.encode(self._kept)
        self._rtc.memory(body + crc32(body).to_bytes(_CRC, "big"))

    def clear(self):
        """Forgets all that an earlier boot left."""
        self._kept = {}

    def _read(self):
        data = self._rtc.memory()
        body = data[:-_CRC]
        if len(data) <= _CRC or crc32(body) != int.from_bytes(data[-_CRC:], "big"):
            return None
        try:
            kept = cbor.decode(body)
        except cbor.CborError:
            return None
        return kept if type(kept) is dict else None
