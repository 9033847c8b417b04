"""The controller's settings."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from capra.errors import InputError
from capra.settings import ControllerSettings, ListenAddress, LogFormat, LogLevel, TlsVersion, read_settings
from capra.settings.reading import flag_name


def test_defaults_are_those_of_the_contract() -> None:
    settings = read_settings(ControllerSettings, {}, {})

    assert settings == ControllerSettings()
    assert (settings.leader_elect, settings.namespace, settings.watch_filter) == (False, "", "")
    times = (
        settings.leader_elect_lease_duration,
        settings.leader_elect_renew_deadline,
        settings.leader_elect_retry_period,
        settings.sync_period,
        settings.cleanup_timeout,
    )
    assert times == (15.0, 10.0, 2.0, 600.0, 1800.0)
    assert (str(settings.diagnostics_address), str(settings.health_addr)) == (":8443", ":9440")
    words = (settings.tls_min_version, settings.log_format, settings.log_level)
    assert words == (TlsVersion.TLS12, LogFormat.JSON, LogLevel.INFO)


def test_flags_count_before_the_environment() -> None:
    environment = {
        "CAPRA_SYNC_PERIOD": "10m0s",
        "CAPRA_LEADER_ELECT": "true",
        "CAPRA_HEALTH_ADDR": "0",
        "CAPRA_CONCURRENCY": "3",
        "CAPRA_LOG_LEVEL": "",
        "CAPRA_NAMESPACE": "left",
    }

    settings = read_settings(
        ControllerSettings, environment, {"concurrency": "7", "namespace": "", "sync_period": None}
    )

    assert (settings.sync_period, settings.leader_elect, settings.health_addr) == (600, True, None)
    assert (settings.concurrency, settings.namespace, settings.log_level) == (7, "", LogLevel.INFO)


def test_addresses_can_be_switched_off_by_a_flag() -> None:
    settings = read_settings(ControllerSettings, {"CAPRA_DIAGNOSTICS_ADDRESS": ":1"}, {"diagnostics_address": "0"})

    assert settings.diagnostics_address is None
    assert settings.health_addr == ListenAddress("", 9440)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("concurrency", "0"),
        ("sync_period", "soon"),
        ("leader_elect", "perhaps"),
        ("health_addr", "9440"),
        ("tls_min_version", "1.2"),
        ("log_format", "xml"),
    ],
)
def test_what_is_wrong_is_named(name: str, text: str) -> None:
    with pytest.raises(InputError, match=f"^CAPRA_{name.upper()}: must be"):
        read_settings(ControllerSettings, {f"CAPRA_{name.upper()}": text}, {})
    with pytest.raises(InputError, match=f"^{flag_name(name)}: must be"):
        read_settings(ControllerSettings, {}, {name: text})


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"leader_elect_lease_duration": "10s"}, "--leader-elect-renew-deadline"),
        ({"leader_elect_retry_period": "9s"}, "--leader-elect-retry-period"),
        ({"leader_elect_lease_duration": "0.5"}, "--leader-elect-lease-duration"),
    ],
)
def test_times_that_do_not_fit_each_other(flags: dict[str, str], named: str) -> None:
    with pytest.raises(InputError, match=f"^{named}: must be"):
        read_settings(ControllerSettings, {}, flags)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"insecure_diagnostics": "true"}, "without --insecure-diagnostics"),
        ({"diagnostics_address": "0"}, "with a --di"),
    ],
)
def test_the_page_is_never_served_over_plain_http(flags: dict[str, str], told: str) -> None:
    with pytest.raises(InputError, match=f"^--page: is served over https, .*only {told}"):
        read_settings(ControllerSettings, {"CAPRA_PAGE": "true"}, flags)
    assert not read_settings(ControllerSettings, {}, flags).page


def test_every_setting_is_in_the_reference() -> None:
    text = (Path(__file__).parents[3] / "docs" / "reference" / "cli.md").read_text()

    for one in fields(ControllerSettings):
        if "flag" not in one.metadata:
            continue
        assert f"`{flag_name(one.name)}" in text
        assert f"`CAPRA_{one.name.upper()}`" in text
