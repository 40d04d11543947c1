"""Refuses sockets that leave this machine, in the test run and in every process it starts (see sitecustomize.py).

It listens to the interpreter's own audit events (https://docs.python.org/3/library/audit_events.html): whichever
library opens the socket, it is seen. Names under `.invalid` (RFC 2606) may be looked up, since they never resolve.
"""

import ipaddress
import socket
import sys


class OutsideRefused(RuntimeError):
    """A test tried to leave the machine. No OSError, so that nothing takes it for an ordinary failure to connect."""


def is_inside(host):
    """Whether a host name or address means this machine (or, with .invalid, none at all)."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host or "")
    name = name.strip("[]").rstrip(".").lower().split("%")[0]
    if name in ("", "localhost", socket.gethostname().lower()) or name.endswith((".localhost", ".invalid")):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback or address.is_unspecified


def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) and address else ""
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if not is_inside(host):
        raise OutsideRefused(f"tests stay on this machine: {event} to {host!r}")


if not getattr(sys, "_lab_guard", False):  # audit hooks cannot be taken away, so one is enough
    sys._lab_guard = True
    sys.addaudithook(watch)
