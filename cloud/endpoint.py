"""The CoAP gateway's one UDP socket, and what stands in front of aiocoap on it.

What no lock sent costs a datagram's parsing, one decryption, and no memory: format errors get RFC 7252's reaction,
requests without a verifying OSCORE layer a 4.01. Only a request that verified for the first time reaches aiocoap,
whose deduplication keeps some kilobytes for a while. The socket is never shared (SO_REUSEPORT): two processes
on one port would both take one datagram, which is a replay.
"""

import asyncio
import logging
import socket
import time
from collections.abc import Callable
from typing import Any

from aiocoap import Message, interfaces
from aiocoap.error import UnparsableMessage
from aiocoap.numbers.constants import TransportTuning
from aiocoap.util import hostportjoin

from cloud import oscore
from cloud.metrics import DATAGRAMS
from protocol import coap

log = logging.getLogger(__name__)

MAX_AGE_0 = ((coap.MAX_AGE, b""),)  # RFC 8613 §8.2: nobody may keep the answer
BUFFER = 4 << 20  # bytes of datagrams that wait for us: a whole fleet may come back at once


class Unparsable(Exception):
    """Of RFC 7252's form, but aiocoap cannot read an option's value."""


class Tuning(TransportTuning):
    EMPTY_ACK_DELAY = 1.5  # seconds; nearly always the answer is there by then, and goes in the ACK
    # seconds that an answer is kept for the same CON again. RFC 7252 §4.8.2 has 247, which is some 100 MB for ten
    # thousand locks; a lock repeats itself for at most 93, and after that the replay window knows its request.
    EXCHANGE_LIFETIME = 93.0


class Address(interfaces.EndpointAddress):
    """Where a datagram came from."""

    scheme = "coap"
    is_multicast = False
    is_multicast_locally = False

    def __init__(self, sockaddr: tuple, local: str):
        self.sockaddr = sockaddr
        self._local = local

    def __hash__(self) -> int:
        return hash(self.sockaddr[:2])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and self.sockaddr[:2] == other.sockaddr[:2]

    @property
    def hostinfo(self) -> str:
        return hostportjoin(self.sockaddr[0], self.sockaddr[1])

    @property
    def hostinfo_local(self) -> str:
        return self._local

    @property
    def uri_base(self) -> str:
        return "coap://" + self.hostinfo

    @property
    def uri_base_local(self) -> str:
        return "coap://" + self._local

    @property
    def blockwise_key(self) -> tuple:
        return self.sockaddr[:2]


class Endpoint(asyncio.DatagramProtocol, interfaces.MessageInterface):
    """aiocoap's transport. `verify(message)`: oscore.Peers.accept; `wait(kid, then)` reads a lock, then calls back."""

    transport: asyncio.DatagramTransport

    def __init__(
        self,
        manager: Any,
        verify: Callable[[Message], oscore.Fresh],
        wait: Callable[[bytes, Callable[[], None]], bool],
    ):
        self._manager = manager
        self._verify = verify
        self._wait = wait
        self._local = ""
        self._mid = int(time.time()) & 0xFFFF  # of the rare NON answers of our own
        self.open = True

    # ---- the socket

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        bound = transport.get_extra_info("socket")
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)  # as much of it as the kernel allows
        self._local = hostportjoin(*bound.getsockname()[:2])

    def datagram_received(self, data: bytes, sockaddr: tuple) -> None:
        if not self.open:
            return
        try:
            self._take(data, sockaddr, True)
        except Unparsable:
            pass  # no request: nothing to refuse
        except Exception:  # which asyncio would only print
            log.exception("a datagram of %d bytes was not understood", len(data))

    def error_received(self, error: Exception) -> None:
        log.debug("socket: %s", error)  # ICMP says that some peer is gone: its own loss

    # ---- a datagram's way in

    def _take(self, data: bytes, sockaddr: tuple, may_wait: bool) -> None:
        answer = coap.reaction(data)
        if answer is not None:
            DATAGRAMS.labels("malformed").inc()
            if answer:
                self.transport.sendto(answer, sockaddr)
            return
        outer = coap.decode(data)
        if coap.kind(outer.code) != "request":
            self._manager.dispatch_message(self._decoded(data, sockaddr))  # a ping, the ACK of our answer
        elif outer.option(coap.OSCORE) is None:
            self._refuse(outer, coap.UNAUTHORIZED, sockaddr)
        elif [number for number, _ in outer.options].count(coap.OSCORE) > 1:
            self._refuse(outer, coap.BAD_OPTION, sockaddr)  # critical, and not repeatable: RFC 7252 §5.4.5
        elif outer.code != coap.POST:
            self._refuse(outer, coap.METHOD_NOT_ALLOWED, sockaddr)  # what is not observed: RFC 8613 §4.2
        else:
            self._protected(data, outer, sockaddr, may_wait)

    def _protected(self, data: bytes, outer: coap.Message, sockaddr: tuple, may_wait: bool) -> None:
        try:
            message = self._decoded(data, sockaddr)
            message.fresh = self._verify(message)
            DATAGRAMS.labels("fresh").inc()
            message.fresh.peer.repeated.append((sockaddr[:2], outer.mid))
            self._manager.dispatch_message(message)
        except oscore.Challenge as challenge:
            DATAGRAMS.labels("challenged").inc()
            # sent past aiocoap: an honest lock gets two of these a boot, and who plays back a boot may want thousands
            self._respond(outer, challenge.response.code, challenge.response, sockaddr)
        except oscore.Replayed as replay:
            if (sockaddr[:2], outer.mid) in replay.peer.repeated:
                message.fresh = None
                DATAGRAMS.labels("repeated").inc()
                self._manager.dispatch_message(message)  # the same CON again: aiocoap sends the same answer
            else:
                self._refuse(outer, coap.UNAUTHORIZED, sockaddr)
        except (oscore.BadOption, Unparsable):
            self._refuse(outer, coap.BAD_OPTION, sockaddr)  # RFC 8613 §8.2 step 2
        except oscore.Refused:
            self._refuse(outer, coap.UNAUTHORIZED, sockaddr)
        except oscore.Missing as missing:
            if not may_wait or not self._wait(missing.kid, lambda: self._again(data, sockaddr)):
                self._refuse(outer, coap.UNAVAILABLE, sockaddr)

    def _again(self, data: bytes, sockaddr: tuple) -> None:
        if self.open:
            self._take(data, sockaddr, False)

    def _decoded(self, data: bytes, sockaddr: tuple) -> Message:
        try:
            message = Message.decode(data, Address(sockaddr, self._local))
        except (UnparsableMessage, ValueError) as error:  # such as a Uri-Path that is no UTF-8
            raise Unparsable(str(error)) from None
        message.transport_tuning = Tuning()
        return message

    # ---- answers that leave no trace in memory

    def _refuse(self, outer: coap.Message, code: int, sockaddr: tuple) -> None:
        DATAGRAMS.labels("unavailable" if code == coap.UNAVAILABLE else "refused").inc()
        self._send(outer, code, MAX_AGE_0, b"", sockaddr)

    def _respond(self, outer: coap.Message, code: int, message: Message, sockaddr: tuple) -> None:
        options = [(option.number, option.encode()) for option in message.opt.option_list()]
        self._send(outer, code, options, message.payload, sockaddr)

    def _send(self, outer: coap.Message, code: int, options: Any, payload: bytes, sockaddr: tuple) -> None:
        if outer.type == coap.CON:
            kind, mid = coap.ACK, outer.mid
        else:
            self._mid = self._mid + 1 & 0xFFFF
            kind, mid = coap.NON, self._mid
        self.transport.sendto(coap.encode(kind, code, mid, outer.token, options, payload), sockaddr)

    # ---- aiocoap's side of it

    def send(self, message: Message) -> None:
        if not self.transport.is_closing():
            self.transport.sendto(message.encode(), message.remote.sockaddr)

    async def recognize_remote(self, remote: Any) -> bool:
        return isinstance(remote, Address)

    async def determine_remote(self, message: Message) -> None:
        return None  # the gateway begins no exchange

    async def shutdown(self) -> None:
        self.open = False
        self.transport.close()
