"""How a Bluetooth stack gets to know a device: MTU, services, characteristics, descriptors, on a Bumble link.

Two habits. `frugal` looks for the services that the device advertised, and stops where the specification lets it; that
is what a phone's stack does which is told what is wanted. `thorough` asks for everything there is, as BlueZ does at a
first connection.
"""

from collections.abc import Iterable

from bumble import att
from bumble.core import UUID
from bumble.device import Connection, Peer
from bumble.gatt import (
    GATT_CHARACTERISTIC_ATTRIBUTE_TYPE,
    GATT_PRIMARY_SERVICE_ATTRIBUTE_TYPE,
)
from bumble.gatt_client import CharacteristicProxy, Client, DescriptorProxy, ServiceProxy

MTU = 517  # what phones ask for
_LAST = 0xFFFF


async def thorough(link: Connection) -> list[ServiceProxy]:
    peer = Peer(link)
    await peer.request_mtu(MTU)
    await peer.discover_all()
    for service in peer.services:
        for one in service.characteristics:
            one.descriptors_discovered = True
    return peer.services


async def frugal(link: Connection, wanted: Iterable[UUID]) -> list[ServiceProxy]:
    """One question each for the MTU, a service, its characteristics, and descriptors where there is room for any."""
    peer = Peer(link)
    await peer.request_mtu(MTU)
    found = [service for uuid in wanted if (service := await _service(peer.gatt_client, uuid))]
    for service in found:
        await _characteristics(peer.gatt_client, service)
        for one in service.characteristics:
            await _descriptors(peer.gatt_client, one)
    return found


async def _service(client: Client, uuid: UUID) -> ServiceProxy | None:
    """Core 6.0 Vol 3 Part G §4.4.2: it is permitted to end early once the desired service is found."""
    answer = await client.send_request(
        att.ATT_Find_By_Type_Value_Request(
            starting_handle=1,
            ending_handle=_LAST,
            attribute_type=GATT_PRIMARY_SERVICE_ATTRIBUTE_TYPE,
            attribute_value=uuid.to_pdu_bytes(),
        )
    )
    if _nothing(answer):
        return None
    first, last = answer.handles_information[0]
    return ServiceProxy(client, first, last, uuid)


async def _characteristics(client: Client, service: ServiceProxy) -> None:
    """§4.6.1, until no room is left for another: a characteristic takes two handles."""
    at = service.handle + 1
    while at < service.end_group_handle:
        answer = await client.send_request(
            att.ATT_Read_By_Type_Request(
                starting_handle=at,
                ending_handle=service.end_group_handle,
                attribute_type=GATT_CHARACTERISTIC_ATTRIBUTE_TYPE,
            )
        )
        if _nothing(answer):
            break
        for declared, value in answer.attributes:
            handle, uuid = int.from_bytes(value[1:3], "little"), UUID.from_bytes(value[3:])
            if service.characteristics:
                service.characteristics[-1].end_group_handle = declared - 1
            one = CharacteristicProxy(client, handle, service.end_group_handle, uuid, value[0])
            service.characteristics.append(one)
            at = handle + 1


async def _descriptors(client: Client, one: CharacteristicProxy) -> None:
    """§4.7.1, until the last handle is known."""
    one.descriptors_discovered = True
    at = one.handle + 1
    while at <= one.end_group_handle:
        answer = await client.send_request(
            att.ATT_Find_Information_Request(starting_handle=at, ending_handle=one.end_group_handle)
        )
        if _nothing(answer):
            break
        for handle, kind in answer.information:
            one.descriptors.append(DescriptorProxy(client, handle, UUID.from_bytes(kind)))
            at = handle + 1


def _nothing(answer: att.ATT_PDU) -> bool:
    """Whether there is none (any more). Raises ATT_Error when the device says anything else than that."""
    if not isinstance(answer, att.ATT_Error_Response):
        return False
    if answer.error_code != att.ErrorCode.ATTRIBUTE_NOT_FOUND:
        raise att.ATT_Error(answer.error_code)
    return True
