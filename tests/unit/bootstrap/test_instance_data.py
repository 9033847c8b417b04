"""A host is believed in what names it, in the form that such a name has."""

import pytest

from capra.bootstrap.templates.instance_data import EXAMPLE, FACTS, believed, instance_data


def test_an_example_has_every_fact() -> None:
    assert believed(EXAMPLE) == EXAMPLE
    assert EXAMPLE.keys() == FACTS.keys()


@pytest.mark.parametrize("name", FACTS)
@pytest.mark.parametrize("value", ["", "a b", "a\nb", "-x", "{{x}}", "'", "x" * 300, 'a"b', "a:b#", 1, None, ["a"]])
def test_anything_else_is_left_out(name: str, value: object) -> None:
    assert believed({"other": "x", name: value}) == {}


def test_what_is_not_known_is_no_name() -> None:
    found = instance_data({"address": "2001:db8::1"}, name="a", namespace="b", uid="", labels={})
    assert found["instance_id"] == "b/a"
    assert found["ds"]["meta_data"] == {
        "instance_id": "b/a",
        "instance-id": "b/a",
        "local_ipv6": "2001:db8::1",
        "local-ipv6": "2001:db8::1",
        "name": "a",
        "namespace": "b",
    }
    assert not {"region", "distro", "local_hostname"} & found.keys()


def test_a_name_with_its_domain_is_short_but_in_the_metadata() -> None:
    found = instance_data({"hostname": "a.example.com"}, name="a", namespace="b", uid="", labels={})
    assert (found["local_hostname"], found["v1"]["local_hostname"]) == ("a", "a")
    metadata = found["ds"]["meta_data"]
    assert (metadata["local_hostname"], metadata["hostname"]) == ("a.example.com", "a.example.com")
