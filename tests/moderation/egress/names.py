"""A name server in the hands of an attacker."""

import socket


def resolving_to(*answers):
    """A name server under the attacker's control: one answer for each question, the last for ever."""
    asked = []

    def resolve(host, port, **_):
        asked.append(host)
        addresses = answers[min(len(asked), len(answers)) - 1]
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port, 0, 0) if ":" in address else (address, port),
            )
            for address in addresses
        ]

    resolve.asked = asked
    return resolve
