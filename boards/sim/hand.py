"""The person beside the bike: a control line on a loopback port, one JSON object a line, one answer each.

{"do": "close"} -> {"ok": true}; what cannot be done -> {"ok": false, "error": "a sentence"}. See ACTIONS. It reaches
into the world around the lock and never into its logic, which cannot reach it either; not part of a real board.
"""

import asyncio
import gc
import json
import os
import sys

from boards.sim.track import Track
from boards.sim.world import BOLT_FAULTS

_LINE = 8_192  # bytes; a longer track comes in a file
_FIRST_PORT, _PORTS = 20_000, 12_000  # where to look for a free port: below the range that systems hand out
_TRIES = 50

_JAM = 50  # percent of the bolt's way
_REBOOTS = {"warm": "reset", "cold": "power"}
_STATE = "bolt bolt_open bolt_closed shackle_closed position moving riding millivolts temperature uplink led"
_STATE = (_STATE + " actuations openings pulls_moving").split()


class _Refused(Exception):
    """What was asked for cannot be done; the text is the answer."""


class Hand:
    """`snapshot()` gives a dict of what the lock itself would show (shown.py), added to `state`."""

    def __init__(self, board, snapshot=dict):
        self._board, self._lasting, self._snapshot = board, board.lasting, snapshot
        self.port = None

    async def start(self):
        for _ in range(_TRIES):
            port = _FIRST_PORT + int.from_bytes(os.urandom(2), "big") % _PORTS
            try:
                await asyncio.start_server(self._serve, "127.0.0.1", port)
            except OSError:
                continue  # taken
            self.port = port
            return
        raise OSError("no free port for the control line")

    async def _serve(self, reader, writer):
        try:
            while True:
                line = await reader.readline()
                if not line:
                    return
                answer, then = self.answer(line)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
                if then:
                    then()
        except OSError:
            pass  # whoever asked has gone
        finally:
            writer.close()

    def answer(self, line):
        """(answer, what to do once it is sent, or None)."""
        try:
            if len(line) > _LINE:
                raise _Refused("a line is at most %d bytes; put a long track into a file" % _LINE)
            request = json.loads(line)
            if not isinstance(request, dict) or request.get("do") not in ACTIONS:
                raise _Refused('"do" is one of: ' + ", ".join(sorted(ACTIONS)))
            answer = {"ok": True}
            return answer, ACTIONS[request["do"]](self, request, answer)
        except KeyError as missing:
            return {"ok": False, "error": "%s is missing" % missing}, None
        except (_Refused, ValueError, TypeError, OSError) as error:
            return {"ok": False, "error": str(error) or "what was asked for is not complete"}, None

    # Actions: (request, answer to fill) -> what to do once the answer is sent, or None

    def _state(self, request, answer):
        world = self._lasting.at()
        if request.get("collect"):
            gc.collect()
        for name in _STATE:
            value = getattr(world, name)
            answer[name] = value() if callable(value) else value
        answer["uptime_ms"] = self._board.clock.uptime_ms()
        answer["boot_cause"] = self._board.boot_cause
        answer["heap_free"] = gc.mem_free()
        answer.update(self._snapshot())

    def _close(self, request, answer):
        self._lasting.at().close()
        self._lasting.save()

    def _push(self, request, answer):
        self._lasting.at().push(request.get("ms", 10))
        self._lasting.save()

    def _move(self, request, answer):
        self._lasting.at().move()
        self._lasting.save()

    def _still(self, request, answer):
        self._lasting.at().still()
        self._lasting.track = None
        self._lasting.save()

    def _ride(self, request, answer):
        path = request.get("file")
        if not path:
            path = self._lasting.folder + "/track"
            with open(path, "w") as file:
                for t_ms, lat_e7, lon_e7 in request["points"]:
                    file.write("%d %d %d\n" % (t_ms, lat_e7, lon_e7))
        self._lasting.at().ride(Track(path), request.get("speed", 1))
        self._lasting.track = path  # a lock that restarts on the way finds the bike further on
        self._lasting.save()

    def _uplink(self, request, answer):
        self._lasting.at().uplink = bool(request["on"])
        self._lasting.save()

    def _battery(self, request, answer):
        self._lasting.at().set_battery(int(request["mv"]))
        self._lasting.save()

    def _jam(self, request, answer):
        self._lasting.at().jam(request.get("percent", _JAM) if request["on"] else None)
        self._lasting.save()

    def _fault(self, request, answer):
        if request["bolt"] not in BOLT_FAULTS:
            raise _Refused('"bolt" is null or one of: ' + ", ".join(BOLT_FAULTS[1:]))
        self._lasting.at().bolt_fault = request["bolt"]
        self._lasting.save()

    def _reboot(self, request, answer):
        if request.get("how") not in _REBOOTS:
            raise _Refused('"how" is "warm" or "cold"')
        return lambda: self._board.end(_REBOOTS[request["how"]])

    def _quit(self, request, answer):
        self._lasting.save("reset")
        return lambda: sys.exit(0)


ACTIONS = {
    "state": Hand._state,
    "close": Hand._close,
    "push": Hand._push,
    "move": Hand._move,
    "still": Hand._still,
    "ride": Hand._ride,
    "uplink": Hand._uplink,
    "battery": Hand._battery,
    "jam": Hand._jam,
    "fault": Hand._fault,
    "reboot": Hand._reboot,
    "quit": Hand._quit,
}
