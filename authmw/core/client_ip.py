"""Which address a request comes from, and the bucket it is counted in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@lru_cache(maxsize=16)
def networks(entries: tuple[str, ...]) -> tuple[Network, ...]:
    """Parse `trusted_proxies`: addresses and CIDR ranges. Raise ValueError for anything else."""
    return tuple(ip_network(entry, strict=False) for entry in entries)


@lru_cache(maxsize=4096)  # the same few peers ask over and over
def client_ip(peer: str | None, forwarded: tuple[str, ...], trusted: tuple[Network, ...]) -> str | None:
    """Return the client's address in canonical form, or None when it cannot be told.

    `peer` is the other end of the socket; `forwarded` are the values of the `X-Forwarded-For` headers. They are
    read only if the peer is a trusted proxy, from the right, past trusted hops: everything left of the first
    other hop was written by the client itself (SEC-063). Whoever cannot be told shares one bucket.
    """
    address = parse(peer or "")
    if address is None or not _within(address, trusted):
        return canonical(address)
    if len(forwarded) != 1:  # none: the proxy does not say; several that may disagree: somebody is lying
        return None
    for hop in reversed(forwarded[0].split(",")):
        address = parse(hop)
        if address is None:
            return None
        if not _within(address, trusted):
            return canonical(address)
    return None


def parse(text: str) -> Address | None:
    """Parse one hop, with or without port, brackets and zone; None for anything that is no address."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def canonical(address: Address | None) -> str | None:
    """IPv4 as it is; IPv6 as its /64 in full, since one person easily holds all of a /64 (wire 5.4)."""
    if isinstance(address, IPv6Address):
        return IPv6Network((address, 64), strict=False).network_address.exploded
    return str(address) if address else None


def _within(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)


def is_this_machine(peer: str | None, headers: Mapping[str, str]) -> bool:
    """Does somebody ask who sits at this machine? Not through a tunnel or a proxy, and not by another site's name that
    points here."""
    given = headers.get("host", "")
    host = given.rpartition(":")[0] or given
    named = host in ("localhost", "127.0.0.1", "[::1]") or host.endswith(".localhost")
    forwarded = any(name in headers for name in ("forwarded", "x-forwarded-for", "x-forwarded-host"))
    address = parse(peer or "")
    return named and not forwarded and address is not None and address.is_loopback
