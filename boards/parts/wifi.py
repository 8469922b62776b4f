"""A network by Wi-Fi, as boards/parts/bearer.py wants it."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from network import WLAN

_PATIENCE_MS, _POLL_MS = 15_000, 100
_ENETUNREACH = 101


class Wifi:
    """`wlan`: network.WLAN as a station."""

    def __init__(self, wlan: "WLAN", clock, ssid: str, key):
        self._wlan, self._clock = wlan, clock
        self._ssid, self._key = ssid, key

    async def up(self):
        """Joins the network, if it is there. OSError when it is not, or does not want us."""
        wlan = self._wlan
        if wlan.isconnected():
            return
        wlan.active(True)
        wlan.disconnect()  # to call connect while one is under way raises
        wlan.connect(self._ssid, self._key)
        end = self._clock.uptime_ms() + _PATIENCE_MS
        while not wlan.isconnected():
            if self._clock.uptime_ms() >= end:
                self.down()
                raise OSError(_ENETUNREACH)
            await self._clock.sleep_ms(_POLL_MS)

    def is_up(self):
        return self._wlan.isconnected()

    def dns(self):
        return self._wlan.ifconfig()[3]

    def down(self):
        try:
            self._wlan.disconnect()
            self._wlan.active(False)
        except OSError:
            pass  # it was off
