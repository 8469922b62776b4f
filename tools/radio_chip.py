"""Bumble's controller and link, with what 0.0.236 leaves out and a lock's tests need.

Air carries: ACL data under the address of the connection (Bumble uses the controller's random address, so
a lock that changes its address for privacy would go deaf), scan responses (Bumble repeats the
advertisement in their place), and connect requests in one step (two phones that heard one advertisement
must not both believe that they have it). Chip forgets: HCI_Reset drops links and advertising, a cancelled
connection attempt ends, and one that vanishes is missed by its peers (supervision time-out, here at once:
nobody's test waits for it).

Knows nothing of locks or sockets; see radio_lock.py and radio.py.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from bumble import hci, ll
from bumble.controller import AdvertisingSet, Connection, Controller
from bumble.core import PhysicalTransport
from bumble.link import LocalLink

_EXTENDED = hci.HCI_LE_Extended_Advertising_Report_Event
_CONNECTABLE = 1 << 0  # advertising_event_properties, Core 6.0 Vol 4 Part E §7.8.53
_TIMED_OUT = hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR
_numbers = itertools.count(1)


class Air(LocalLink):
    """What the chips share. A chip in `silent` neither hears nor is heard."""

    def __init__(self) -> None:
        super().__init__()
        self.silent: set[Chip] = set()

    def send_acl_data(self, sender_controller, destination_address, transport, data) -> None:
        link = sender_controller.le_connections.get(destination_address)
        peer = self.find_le_controller(destination_address)
        if link and peer:
            sender_controller.spoke()
            peer.listened()
            loop = asyncio.get_running_loop()
            loop.call_soon(peer.on_link_acl_data, link.self_address, PhysicalTransport.LE, data)

    def send_ll_control_pdu(self, sender_address, receiver_address, packet) -> None:
        peer = self.find_le_controller(receiver_address)
        if peer and sender_address in peer.le_connections:  # else it has left, and nobody hears this
            asyncio.get_running_loop().call_soon(_control, peer, sender_address, packet)

    def send_advertising_pdu(self, sender_controller, packet) -> None:
        if sender_controller in self.silent:
            return
        if isinstance(packet, ll.ConnectInd):
            if advertiser := self.advertiser(packet.advertiser_address):
                advertiser.on_le_connect_ind(packet)
            return
        loop = asyncio.get_running_loop()
        for chip in self.controllers - {sender_controller} - self.silent:
            loop.call_soon(chip.hear, packet, sender_controller.on_air(packet.advertiser_address))

    def advertiser(self, address: hci.Address) -> Chip | None:
        """The chip that advertises under `address` at this moment and can be connected to."""
        for chip in self.controllers - self.silent:
            shown = chip.on_air(address)
            if shown and shown.parameters.advertising_event_properties & _CONNECTABLE:
                return chip
        return None


def _control(chip: Chip, sender: hci.Address, packet: ll.ControlPdu) -> None:
    if sender in chip.le_connections:  # the link may have ended since the packet left
        chip.on_ll_control_pdu(sender, packet)


class Chip(Controller):
    """One radio. `sink` takes HCI packets for its host; `source`, if given, delivers those from it."""

    le_acl_data_packet_length = 251  # data length extension: one HCI packet for one ATT packet of MTU 247
    active_scan = True
    link: Air

    def __init__(self, name: str, air: Air, source: Any = None, sink: Any = None) -> None:
        number = next(_numbers)
        public = f"C0:DE:00:00:{number >> 8 & 255:02X}:{number & 255:02X}"
        super().__init__(name, host_source=source, host_sink=sink, link=air, public_address=public)
        self.trips = 0  # round trips since the newest connection, itself included: asked, and answered
        self._asked = False

    # How long a phone waits for a lock: what it says in one go and what it hears then is one round trip

    def listened(self) -> None:
        self._asked = True

    def spoke(self) -> None:
        self.trips += self._asked
        self._asked = False

    def on_le_connect_ind(self, packet) -> None:
        self.trips, self._asked = 1, False
        super().on_le_connect_ind(packet)

    # What the air asks and brings

    def on_air(self, address: hci.Address) -> AdvertisingSet | None:
        sets = self.advertising_sets.values()
        return next((s for s in sets if s.enabled and s.parameters and s.address == address), None)

    def hear(self, packet: ll.AdvExtInd, shown: AdvertisingSet | None) -> None:
        """One advertisement; a scan response follows when this chip scans actively."""
        if shown is None:
            return
        if self.le_scan_enable:
            legacy = _EXTENDED.EventType.LEGACY_ADVERTISING_PDU_USED
            kind = legacy | _EXTENDED.EventType.SCANNABLE_ADVERTISING
            if shown.parameters.advertising_event_properties & _CONNECTABLE:
                kind |= _EXTENDED.EventType.CONNECTABLE_ADVERTISING
            self._report(packet.advertiser_address, kind, packet.data)
            if self.active_scan:
                answer = kind | _EXTENDED.EventType.SCAN_RESPONSE
                self._report(packet.advertiser_address, answer, bytes(shown.scan_response_data))
        wanted = self.pending_le_connection
        if wanted and wanted.peer_address == packet.advertiser_address:
            self.create_le_connection(packet.advertiser_address)

    def create_le_connection(self, peer_address: hci.Address) -> None:
        if peer_address not in self.le_connections and self.link.advertiser(peer_address):
            super().create_le_connection(peer_address)

    def _report(self, address: hci.Address, kind: int, data: bytes) -> None:
        report = _EXTENDED.Report(
            event_type=kind,
            address_type=address.address_type,
            address=address,
            primary_phy=hci.Phy.LE_1M,
            secondary_phy=0,
            advertising_sid=0xFF,
            tx_power=0x7F,  # not known
            rssi=-50,
            periodic_advertising_interval=0,
            direct_address_type=0,
            direct_address=hci.Address.ANY,
            data=data,
        )
        self.send_hci_packet(_EXTENDED([report]))

    # How links end

    def drop_links(self) -> None:
        """Both ends of each link learn of a supervision time-out."""
        for link in list(self.le_connections.values()):
            peer = self.link.find_le_controller(link.peer_address)
            self._end(link)
            if peer and (theirs := peer.le_connections.get(link.self_address)):
                peer._end(theirs)

    def _end(self, link: Connection) -> None:
        self.on_le_disconnected(link, _TIMED_OUT)

    def reset(self) -> None:
        self.drop_links()
        for shown in self.advertising_sets.values():
            shown.stop()
        self.advertising_sets.clear()
        self.le_legacy_advertiser.stop()
        self.le_scan_enable = False
        self.pending_le_connection = None

    def remove(self) -> None:
        """Vanish, as when the power fails: peers see their links time out, the host hears nothing more."""
        self.hci_sink = None
        self.reset()
        self.link.silent.discard(self)
        self.link.controllers.discard(self)

    # HCI commands that Bumble answers but does not obey

    def on_hci_reset_command(self, command):
        self.reset()
        return super().on_hci_reset_command(command)

    def on_hci_le_set_extended_scan_parameters_command(self, command):
        self.active_scan = any(command.scan_types)
        return super().on_hci_le_set_extended_scan_parameters_command(command)

    def on_hci_le_create_connection_cancel_command(self, command):
        wanted, self.pending_le_connection = self.pending_le_connection, None
        if wanted is None:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        ended = hci.HCI_LE_Connection_Complete_Event(
            status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
            connection_handle=0,
            role=hci.Role.CENTRAL,
            peer_address_type=wanted.peer_address_type,
            peer_address=wanted.peer_address,
            connection_interval=0,
            peripheral_latency=0,
            supervision_timeout=0,
            central_clock_accuracy=0,
        )
        asyncio.get_running_loop().call_soon(self.send_hci_packet, ended)
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)
