"""No address that a stranger types makes us call the inside of the network."""

import ipaddress
import socket

import pytest

from moderation.targets import TargetRefused, Targets, is_public
from tests.moderation.egress.names import resolving_to
from tests.receiver import answering, receiving

INWARD = [
    # loopback and "this host", in every spelling that a C library takes for an address
    "127.0.0.1",
    "127.255.255.254",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "0",
    "0.0.0.0",
    "localhost",
    "LOCALHOST",
    "①②⑦.⓪.⓪.①",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    # private, carrier-grade NAT, link-local and the cloud's metadata
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "[fc00::1]",
    # IPv4 carried in IPv6
    "[::ffff:127.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    # nobody in particular
    "224.0.0.1",
    "[ff02::1]",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "192.88.99.1",
    "[2001:db8::1]",
    "[5f00::1]",
]


@pytest.mark.parametrize("host", INWARD)
def test_an_address_that_points_inward_is_refused_when_registered_and_when_called(egress, host):
    with pytest.raises(TargetRefused):
        Targets().check(f"http://{host}/")

    answer = egress.post(f"http://{host}/", b"", {})
    assert answer.status is None
    assert answer.error


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "2a00:1450:4001::200e"]
)
def test_public_addresses_are_public(address):
    assert is_public(address)


def test_no_address_of_the_special_registries_is_public():
    special = (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 "
        "192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 "
        "224.0.0.0/4 240.0.0.0/4 ::/128 ::1/128 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 "
        "2001::/23 2001:db8::/32 2002::/16 3fff::/20 5f00::/16 fc00::/7 fe80::/10 ff00::/8"
    )
    for network in special.split(" "):
        net = ipaddress.ip_network(network)
        for place in (0, net.num_addresses // 3, net.num_addresses - 1):
            assert not is_public(str(net[place])), net[place]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "https://"),
        ("news.example/hook", "https://"),
        ("ftp://news.example/", "https://"),
        ("file:///etc/passwd", "https://"),
        ("gopher://news.example/", "https://"),
        ("javascript:alert(1)", "https://"),
        ("http://user:secret@news.example/", "user name"),
        ("http://news.example@127.0.0.1/", "user name"),
        ("http:///hook", "host"),
        ("http://news.example:0/", "port"),
        ("http://news.example:99999/", "URL"),
        ("http://[::1/", "URL"),
        ("http://news.example\\@127.0.0.1/", "backslash"),
        ("http://news.example/\r\nHost: inside", "control"),
        ("http://news.example/ x", "space"),
        ("http://" + "a" * 64 + ".example/", "name"),
        ("http://news.example/" + "a" * 2000, "2000"),
    ],
)
def test_what_is_no_plain_web_address_is_refused_with_the_reason(egress, url, says):
    with pytest.raises(TargetRefused, match=says):
        Targets().check(url)

    assert egress.post(url, b"", {}).status is None


def test_one_hidden_address_among_public_ones_is_refused():
    targets = Targets(resolve=resolving_to(["93.184.215.14", "10.0.0.1"]))

    with pytest.raises(TargetRefused, match="BTL_WEBHOOK_ALLOWED_HOSTS"):
        targets.check("https://news.example/hooks")


def test_a_refusal_does_not_tell_what_an_inner_name_stands_for(egress_to):
    egress = egress_to(resolve=resolving_to(["10.1.2.3"]))

    assert "10.1.2.3" not in egress.post("http://db.internal/", b"", {}).error


def test_a_name_that_turns_inward_after_it_was_registered_is_not_called(egress_to):
    with receiving() as inside:
        resolve = resolving_to(["93.184.215.14"], ["127.0.0.1"])
        url = f"http://rebound.example:{inside.port}/"
        Targets(resolve=resolve).check(url)

        answer = egress_to(resolve=resolve).post(url, b"{}", {})

    assert "not on the public internet" in answer.error
    assert inside.got == []


def test_a_request_asks_for_the_name_once_so_that_a_second_answer_finds_nobody(egress_to):
    with receiving() as inside:
        # The operator allowed the name; what counts here is that the address looked at is the one called.
        resolve = resolving_to(["127.0.0.1"], ["169.254.169.254"])
        egress = egress_to(f"rebound.example:{inside.port}", resolve=resolve)

        answer = egress.post(f"http://rebound.example:{inside.port}/", b"{}", {})

    assert answer.status == 204
    assert resolve.asked == ["rebound.example"]
    assert inside.got[0].headers["host"] == f"rebound.example:{inside.port}"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_never_followed(egress_to, code):
    with receiving() as inside, receiving() as receiver:
        receiver.behave = answering(code, location=f"http://127.0.0.1:{inside.port}/latest/meta-data")
        egress = egress_to(receiver.host, inside.host)

        answer = egress.post(receiver.url, b"{}", {})

    assert answer.status == code
    assert inside.got == []


def test_only_the_very_host_and_port_that_the_operator_listed_is_let_through(egress_to):
    with receiving() as listed, receiving() as other:
        egress = egress_to(listed.host)

        assert egress.post(listed.url, b"{}", {}).status == 204
        assert "not on the public internet" in egress.post(other.url, b"{}", {}).error

    assert other.got == []


def test_proxy_variables_of_the_environment_are_not_obeyed(egress_to, monkeypatch):
    with receiving() as proxy, receiving() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://{proxy.host}")

        answer = egress_to(receiver.host).post(receiver.url, b"{}", {})

    assert answer.status == 204
    assert proxy.got == []


def test_a_name_that_does_not_resolve_is_let_through_when_registered_and_fails_when_called(egress_to):
    def resolve(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    Targets(resolve=resolve).check("https://not-yet.example/hooks")
    egress = egress_to(resolve=resolve)

    assert (
        egress.post("https://not-yet.example/", b"", {}).error
        == "The name of the host could not be resolved."
    )
