"""Address lists from Python: formats, actions, and lists that are not taken while the last good one stays."""
import ipaddress

import pytest

import aigw


@pytest.fixture()
def lists():
    with aigw.IpReputation() as made:
        yield made


def test_each_list_has_its_action_and_name(lists):
    lists.load("reputation", "203.0.113.0/24 ; SBL1\n# more\n", b"2001:db8::/32\n", now=1700000000)
    lists.load("reconnaissance", '{"cidr":"198.51.100.0/25"}\n')
    lists.load("ddos", '{"Addresses":["192.0.2.0/24","203.0.113.9/32"]}')
    hit = lists.check("203.0.113.7")
    assert hit == ("block", ["reputation"], "AWSManagedIPReputationList",
                   "awswaf:managed:aws:amazon-ip-list:AWSManagedIPReputationList")
    assert lists.check("::ffff:203.0.113.7").action == "block"  # the same address
    assert lists.check(ipaddress.ip_address("2001:db8::1")).lists == ["reputation"]
    assert lists.check("198.51.100.1").rule == "AWSManagedReconnaissanceList"
    assert lists.check("192.0.2.1")[:2] == ("count", ["ddos"])
    assert lists.check("203.0.113.9")[:2] == ("block", ["reputation", "ddos"])
    assert lists.check("198.51.100.200") == ("none", [], "", "")
    lists.load("allow", "203.0.113.7")
    assert lists.check("203.0.113.7").action == "allowed" and lists.check("203.0.113.8").action == "block"
    facts = lists.facts("reputation")
    assert (facts.entries, facts.ranges_v4, facts.ranges_v6, facts.loaded_unix_s, facts.loads, facts.refusals) == \
        (2, 1, 1, 1700000000, 1, 0)
    assert lists.facts("reconnaissance").loads == 1 and aigw.IpReputation().facts("ddos").loaded_unix_s == -1


def test_a_list_that_is_refused_leaves_the_last_good_one(lists):
    lists.load("reputation", "\n".join(f"203.0.113.{i}" for i in range(10)))
    with pytest.raises(aigw.InvalidInput) as bad:
        lists.load("reputation", "203.0.113.1\nnonsense\n")
    assert bad.value.line == 2 and bad.value.reason == "bad_entry" and bad.value.code == "AIGW_E_PARSE"
    for text, reason in [("", "empty_list"), ("203.0.113.1\n", "shrunk")]:
        with pytest.raises(aigw.Refused) as refused:
            lists.load("reputation", text)
        assert refused.value.reason == reason and refused.value.code == "AIGW_E_DENIED"
    assert lists.check("203.0.113.5").action == "block" and lists.facts("reputation").refusals == 3
    lists.load("reputation", "203.0.113.1\n", force=True)
    assert lists.check("203.0.113.5").action == "none"


def test_what_is_refused(lists):
    for address in ("", "localhost", "203.0.113.7:80", "[::1]", "203.0.113.256", "203.0.113.7\n"):
        with pytest.raises(aigw.InvalidInput) as bad:
            lists.check(address)
        assert bad.value.reason == "bad_address"
    with pytest.raises(aigw.InvalidInput):
        lists.load("elsewhere", "203.0.113.1")
    with pytest.raises(TypeError):
        lists.load("ddos", 5)
    with pytest.raises(aigw.AigwError) as many:
        aigw.IpReputation(max_entries=2).load("ddos", "192.0.2.1\n192.0.2.3\n192.0.2.5\n")
    assert many.value.reason == "too_many_entries" and many.value.code == "AIGW_E_LIMIT"
    lists.close()
    with pytest.raises(aigw.InvalidInput) as gone:
        lists.check("203.0.113.1")
    assert gone.value.reason == "closed"
