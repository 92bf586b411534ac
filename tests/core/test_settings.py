"""What an application chooses once: where it comes from, and what is refused."""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from authmw import Auth, ConfigurationError, ConsoleMailer, Settings
from authmw.core.secrets import Secrets
from authmw.stores.memory import MemoryStore

SECRET = "a-secret-for-tests-0123456789-abcdefghijklmnop"
OLDER = "an-older-secret-for-tests-9876543210-zyxwvutsr"


def settings(**given: Any) -> Settings:
    return Settings(**{"environment": {}, **given})


def from_environment(**variables: str) -> Settings:
    return Settings(environment=variables)


# Where a choice comes from


def test_without_anything_it_is_an_app_on_ones_own_machine() -> None:
    chosen = settings()
    assert (chosen.base_url, chosen.database) == ("http://localhost:8000", "sqlite:///authmw.db")
    assert chosen.is_loopback
    assert not chosen.secure
    assert chosen.rate_limit is True
    assert chosen.cookie_cache is None
    assert chosen.session_lifetime == timedelta(days=7)
    assert chosen.session_absolute_lifetime == timedelta(days=30)


@pytest.mark.parametrize(
    ("variable", "value", "attribute"),
    [
        ("AUTHMW_SECRET", SECRET, "secret"),
        ("BETTER_AUTH_SECRET", SECRET, "secret"),
        ("AUTHMW_BASE_URL", "https://app.example.com", "base_url"),
        ("BETTER_AUTH_URL", "https://app.example.com", "base_url"),
        ("AUTHMW_DATABASE_URL", "postgresql://db/app", "database"),
    ],
)
def test_what_is_not_given_is_read_from_the_environment(variable: str, value: str, attribute: str) -> None:
    assert getattr(from_environment(**{variable: value}), attribute) == value
    other = "https://other.example.com" if attribute == "base_url" else OLDER
    given = settings(**{"environment": {variable: value}, attribute: other})
    assert getattr(given, attribute) == other, "what is given comes first"


def test_our_own_variables_come_before_better_auths() -> None:
    chosen = from_environment(
        AUTHMW_SECRET=SECRET,
        BETTER_AUTH_SECRET=OLDER,
        AUTHMW_BASE_URL="https://ours.example.com",
        BETTER_AUTH_URL="https://theirs.example.com",
    )
    assert (chosen.secret, chosen.base_url) == (SECRET, "https://ours.example.com")


def test_the_environment_is_the_process_own_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHMW_BASE_URL", "https://app.example.com")
    assert Settings().base_url == "https://app.example.com"


@pytest.mark.parametrize(("value", "on"), [("off", False), ("on", True), ("", True)])
def test_the_rate_limit_is_on_unless_switched_off_by_name(value: str, on: bool) -> None:
    assert from_environment(AUTHMW_RATE_LIMIT=value).rate_limit is on
    assert Settings(rate_limit=True, environment={"AUTHMW_RATE_LIMIT": "off"}).rate_limit is True


def test_secrets_are_not_shown() -> None:
    database = "postgresql://app:pw@db/app"
    shown = repr(Settings(secret=SECRET, secrets=[OLDER], database=database, environment={"X": SECRET}))
    for secret in (SECRET, OLDER, "pw"):
        assert secret not in shown


# Secrets


@pytest.mark.sec("SEC-029")
def test_better_auths_versioned_secrets_are_read() -> None:
    secrets = from_environment(BETTER_AUTH_SECRETS=f"2:{SECRET}, 1:{OLDER}").load_secrets()
    assert secrets.roots == (SECRET.encode(), OLDER.encode())
    assert secrets.encrypt("x").startswith("$ba$2$")


@pytest.mark.parametrize("text", [SECRET, f"x:{SECRET}", "1:", f"2:{SECRET},", f"²:{SECRET}", f":{SECRET}"])
def test_versioned_secrets_of_another_form_are_refused_with_the_form(text: str) -> None:
    with pytest.raises(ConfigurationError, match='BETTER_AUTH_SECRETS reads "2:newest,1:older"'):
        from_environment(BETTER_AUTH_SECRETS=text).load_secrets()


def test_several_secrets_come_before_one() -> None:
    assert settings(secrets=[SECRET, OLDER]).load_secrets().roots == (SECRET.encode(), OLDER.encode())


@pytest.mark.sec("SEC-028")
def test_a_weak_secret_is_refused_whatever_way_it_comes() -> None:
    for chosen in (
        settings(secret="short"),
        settings(secrets=[SECRET, "short"]),
        from_environment(AUTHMW_SECRET="short"),
        from_environment(BETTER_AUTH_SECRET="better-auth-secret-12345678901234567890"),
        from_environment(BETTER_AUTH_SECRETS="1:short"),
    ):
        with pytest.raises(ConfigurationError, match="AUTHMW_SECRET"):
            chosen.load_secrets()


def test_outside_loopback_no_secret_is_refused_with_the_line_to_write() -> None:
    with pytest.raises(ConfigurationError) as refused:
        settings(base_url="https://app.example.com").load_secrets()
    line = next(line for line in str(refused.value).splitlines() if "AUTHMW_SECRET=" in line)
    offered = line.strip().removeprefix("AUTHMW_SECRET=")
    assert settings(secret=offered, base_url="https://app.example.com").load_secrets()


@pytest.mark.parametrize("lonely", [True, False])
def test_on_loopback_a_secret_is_made_and_kept_beside_the_database(tmp_path: Path, lonely: bool) -> None:
    database = f"sqlite:///{tmp_path / 'app.db'}" + ("" if lonely else "?timeout=5")
    first = settings(database=database).load_secrets()
    kept = tmp_path / "app.db.secret"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert kept.read_text().encode() == first.roots[0]
    assert settings(database=database).load_secrets().roots == first.roots, "everybody stays signed in"


@pytest.mark.parametrize("database", ["sqlite:///:memory:", "postgresql://db/app", object()])
def test_without_a_file_the_secret_is_kept_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    made = settings(database=database).load_secrets()
    assert [path.read_text().encode() for path in tmp_path.iterdir()] == list(made.roots)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in tmp_path.iterdir())


def test_a_loose_umask_does_not_open_the_kept_secret(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        settings(database=f"sqlite:///{tmp_path / 'app.db'}").load_secrets()
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "app.db.secret").stat().st_mode) == 0o600


# Addresses


@pytest.mark.sec("SEC-041")
@pytest.mark.parametrize(
    "url", ["http://app.example.com", "http://10.0.0.5", "http://localhost.example.com", "http://[2001:db8::1]"]
)
def test_http_outside_loopback_is_refused_with_the_line_to_write(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"insecure_hosts=\["):
        settings(base_url=url)
    host = url.removeprefix("http://").strip("[]")
    assert not settings(base_url=url, insecure_hosts=[host]).secure


@pytest.mark.parametrize(
    "url",
    ["http://localhost", "http://localhost:3000", "http://app.localhost", "http://127.0.0.1:8000", "http://[::1]"],
)
def test_http_on_ones_own_machine_is_fine(url: str) -> None:
    assert settings(base_url=url).is_loopback


@pytest.mark.sec("SEC-041")
def test_cookies_are_secure_on_https_unless_told() -> None:
    assert settings(base_url="https://app.example.com").secure
    with pytest.raises(ConfigurationError, match="leave it out"):
        settings(base_url="https://app.example.com", secure_cookies=False)
    assert settings(secure_cookies=True).secure


@pytest.mark.parametrize(
    "url",
    [
        "app.example.com",
        "ftp://app.example.com",
        "https://",
        "https://app.example.com/app",
        "https://app.example.com?x=1",
        "https://app.example.com#x",
        "https://user@app.example.com",
        "https://app.example.com\\x",
        "https://app.example.com:port",
        "https://bücher.example",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_address_of_a_site_is_refused_with_the_line_to_write(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r'base_url="https://app\.example\.com"'):
        settings(base_url=url)


def test_a_slash_at_the_end_is_nothing() -> None:
    assert settings(base_url="https://app.example.com/").base_url == "https://app.example.com"


def test_the_origin_is_what_browsers_send() -> None:
    assert settings(base_url="https://App.example.com:443").origin == "https://app.example.com"
    chosen = settings(base_url="https://app.example.com", trusted_origins=["https://www.example.com"])
    assert chosen.origins == ("https://app.example.com", "https://www.example.com")


@pytest.mark.parametrize("name", ["api_path", "ui_path"])
@pytest.mark.parametrize("path", ["", "auth", "/auth/", "/", "//auth", "/a//b"])
def test_bad_paths_are_refused_with_a_good_one(name: str, path: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}=.*must start with a slash"):
        settings(**{name: path})


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        ("www.example.com", '"https://www.example.com"'),
        ("https://www.example.com/", "'https://www.example.com'"),
        ("https://www.example.com/path", "'https://www.example.com'"),
        ("https://WWW.example.com", "'https://www.example.com'"),
        ("https://www.example.com:443", "'https://www.example.com'"),
    ],
)
def test_what_is_no_origin_is_refused_with_the_line_to_write(origin: str, line: str) -> None:
    with pytest.raises(ConfigurationError, match="trusted_origins") as refused:
        settings(trusted_origins=[origin])
    assert line in str(refused.value)


@pytest.mark.parametrize("origin", ["https://*.example.com", "myapp://", "http://localhost:3000"])
def test_origins_that_are_ones(origin: str) -> None:
    assert settings(trusted_origins=[origin]).origins[1] == origin


@pytest.mark.parametrize("proxy", ["proxy.example.com", "10.0.0.0/33", "", "10.0.0.1:80"])
def test_what_is_no_network_is_refused(proxy: str) -> None:
    with pytest.raises(ConfigurationError, match="trusted_proxies"):
        settings(trusted_proxies=[proxy])
    settings(trusted_proxies=["10.0.0.0/8", "::1", "192.168.1.7"])


# Mail


def test_outside_loopback_no_mailer_is_refused_with_the_line_to_write() -> None:
    away = settings(secret=SECRET, base_url="https://app.example.com")
    with pytest.raises(ConfigurationError, match=r"mailer=SmtpMailer\("):
        Auth(away, database=MemoryStore())
    at_home = Auth(settings(secret=SECRET), database=MemoryStore())
    assert isinstance(at_home.mail.mailer, ConsoleMailer)


def test_the_single_secret_beside_numbered_ones_is_the_one_from_before() -> None:
    before = Secrets([OLDER])
    secrets = from_environment(BETTER_AUTH_SECRETS=f"2:{SECRET}", BETTER_AUTH_SECRET=OLDER).load_secrets()
    assert secrets.unsign(before.sign("token")) == "token"
    assert secrets.decrypt(before.encrypt("kept")) == "kept"
    assert secrets.encrypt("new").startswith("$ba$2$")


def test_a_number_is_given_to_one_secret_only() -> None:
    with pytest.raises(ConfigurationError, match="names a number twice"):
        from_environment(BETTER_AUTH_SECRETS=f"1:{SECRET},1:{OLDER}").load_secrets()


@pytest.mark.parametrize(
    "origin", ["*", "https://*", "https://*.com", "*.example.com", "https://?.example.com", "https://*.*.com"]
)
def test_an_origin_that_trusts_strangers_is_refused(origin: str) -> None:
    with pytest.raises(ConfigurationError, match=r"https://\*\.example\.com|is no origin"):
        settings(trusted_origins=[origin])


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("cookie_cache", timedelta(minutes=6)),
        ("session_lifetime", timedelta(days=31)),
        ("session_absolute_lifetime", timedelta(days=3650)),
        ("fresh_for", timedelta(seconds=-1)),
    ],
)
def test_a_lifetime_beyond_what_is_safe_is_refused(name: str, chosen: timedelta) -> None:
    with pytest.raises(ConfigurationError, match=name):
        settings(**{name: chosen})
