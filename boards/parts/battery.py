"""The battery's voltage, behind a divider on a pin of the first converter (the second stops when Wi-Fi runs)."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from machine import ADC

_READS = 8  # a modem's burst is shorter than all of them, and the divider's capacitor longer


class Battery:
    """boards.contract.Battery. `divider`: (battery's voltage, the pin's), as (2, 1) for two equal resistors."""

    def __init__(self, adc: "ADC", divider):
        self._adc = adc
        self._times, self._by = divider

    def millivolts(self):
        microvolts = 0
        for _ in range(_READS):
            microvolts += self._adc.read_uv()
        return microvolts * self._times // (self._by * _READS * 1_000)
