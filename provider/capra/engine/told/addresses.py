"""The addresses of a machine. Pure."""

from __future__ import annotations

import ipaddress

from capra.model.checks import same_address
from capra.model.observation import Record
from capra.model.status import MachineAddress


def addresses(address: str, record: Record) -> tuple[MachineAddress, ...]:
    """The machine's addresses: first the one it is reached at, then what the host said of itself.

    A name is an ExternalDNS; as long as no address of the host is known it also stands as ExternalIP, where the
    reference puts it and k0smotron's joining controllers look for it.
    """
    learnt = [MachineAddress("InternalIP", one) for one in record.host_addresses if one != same_address(address)]
    names = [MachineAddress("Hostname", record.host_name)] if record.host_name else []
    if _is_ip(address):
        return (MachineAddress("ExternalIP", address), *learnt, *names)
    reached = [MachineAddress("ExternalDNS", address)] if learnt else [MachineAddress("ExternalIP", address)]
    return (*reached, *learnt, *names)


def _is_ip(address: str) -> bool:
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True
