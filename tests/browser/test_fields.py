"""Every field as password managers, phones and other programs know it: the names and attributes that never change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.browser.arrival import Arrival
from tests.browser.catalogue import STATES
from tests.browser.site import Site
from tests.browser.window import Window


@dataclass(frozen=True, kw_only=True)
class Field:
    """What the browser must see of a field; `autocomplete` and `inputmode` are "" where there is none."""

    type: str
    label: str
    autocomplete: str = ""
    inputmode: str = ""
    exact: bool = False
    """Nothing may change what is typed: no capitals, no correction, no spelling."""


def address(autocomplete: str, label: str = "Email") -> Field:
    return Field(type="email", inputmode="email", autocomplete=autocomplete, label=label, exact=True)


def secret(autocomplete: str, label: str) -> Field:
    return Field(type="password", autocomplete=autocomplete, label=label, exact=True)


def box(label: str) -> Field:
    return Field(type="checkbox", label=label)


FIELDS: dict[str, Field] = {
    "email": address("username"),
    "newEmail": address("email", "New email"),
    "username": Field(type="text", autocomplete="username", label="Username", exact=True),
    "name": Field(type="text", autocomplete="name", label="Name"),
    "password": secret("current-password", "Password"),
    "newPassword": secret("new-password", "New password"),
    "currentPassword": secret("current-password", "Current password"),
    "code": Field(type="text", inputmode="numeric", autocomplete="one-time-code", label="Code", exact=True),
    "rememberMe": box("Keep me signed in"),
    "trustDevice": box("Trust this device for 30 days"),
    "revokeOtherSessions": box("Sign out everywhere else"),
    "lang": Field(type="radio", label="English"),
    "image": Field(type="file", label="Picture (optional)"),
    "removeImage": box("Remove my picture"),
    "understand": box("I understand that this cannot be undone"),
    "phoneNumber": Field(type="tel", inputmode="tel", autocomplete="tel", label="Mobile number"),
    # Those that the test site adds to its users.
    "town": Field(type="text", autocomplete="off", label="Town (optional)"),
    "newsletter": box("Send me the newsletter"),
}
"""Whoever adds a field that is not here adds it here: password managers learn names, and unlearn nothing."""

ELSEWHERE: dict[tuple[str, str], Field] = {
    ("/sign-in", "email"): address("username webauthn"),
    ("/switch-account", "email"): address("username webauthn"),  # it leads on to signing in
    ("/sign-up", "password"): secret("new-password", "Password"),
}
"""Where a field is another on one screen."""

HIDDEN = {"csrf_token", "next", "back", "with", "email", "token", "sessionToken", "accountId"}
CHECKED_AT_FIRST = {"rememberMe": True, "revokeOtherSessions": True, "trustDevice": False}
READ = """() => [...document.querySelectorAll('main input, main select, main textarea')].map((one) => ({
  name: one.name,
  id: one.id,
  type: one.type,
  inputmode: one.getAttribute('inputmode') ?? '',
  autocomplete: one.getAttribute('autocomplete') ?? '',
  label: [...(one.labels ?? [])].map((label) => label.textContent.trim()).join(' | '),
  exact: one.getAttribute('autocapitalize') === 'none' && one.getAttribute('autocorrect') === 'off'
    && one.getAttribute('spellcheck') === 'false',
  hidden: one.type === 'hidden' || one.hidden,
  readonly: one.readOnly,
  checked: one.checked,
  value: one.getAttribute('value'),
  limits: ['required', 'maxlength', 'pattern'].filter((name) => one.hasAttribute(name)),
  minlength: one.getAttribute('minlength'),
  passwordrules: one.getAttribute('passwordrules'),
}))"""


def fields_of(window: Window) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = window.page.evaluate(READ)
    return found


def test_every_field_is_one_that_password_managers_and_phones_know(arrival: Arrival, arrived: Window) -> None:
    for found in fields_of(arrived):
        name = found["name"]
        if found["hidden"]:
            continue
        expected = ELSEWHERE.get((arrival.state.screen, name)) or FIELDS.get(name)
        assert expected is not None, f"a field that is not in the table: {found}"
        seen = Field(**{key: found[key] for key in ("type", "label", "autocomplete", "inputmode", "exact")})
        if found["type"] == "radio":  # a choice each, with a label and an id of its own
            assert expected.type == "radio" and found["label"] and found["id"].startswith(name)
            continue
        assert seen == expected, name
        assert found["id"] == name
        assert found["limits"] == [], f"{name} is limited by the browser, whose words are not ours"
        if expected.autocomplete == "new-password":
            assert int(found["minlength"]) >= 8
            assert found["passwordrules"] == f"minlength: {found['minlength']};"
        if expected.type == "password" or name == "code":
            assert not found["value"], f"{name} comes back with a value"
        if expected.type == "checkbox":
            assert found["value"] == "true"
        if name in CHECKED_AT_FIRST and arrival.state.name == "fresh":
            assert found["checked"] is CHECKED_AT_FIRST[name]


def test_a_field_out_of_sight_is_one_that_a_form_needs(arrived: Window) -> None:
    for found in fields_of(arrived):
        if found["hidden"]:
            assert found["name"] in HIDDEN, found
        if found["hidden"] and found["type"] == "email":
            assert (found["autocomplete"], found["readonly"]) == ("username", True)
            assert found["value"]


def test_a_lone_password_has_the_account_beside_it(arrived: Window) -> None:
    """Else a password manager does not know whose password it fills in or saves."""
    forms: list[list[str]] = arrived.page.evaluate(
        """[...document.forms].filter((form) => form.querySelector('[type=password]'))
          .map((form) => [...form.querySelectorAll('[autocomplete^=username]')].map((one) => one.name))"""
    )
    assert all(forms), "a form with a password and no username"


def test_a_form_lets_the_server_say_what_is_wrong_with_it(arrived: Window) -> None:
    for form in arrived.page.locator("form").all():
        assert form.get_attribute("method") == "post"
        assert form.get_attribute("novalidate") == ""
        assert form.get_attribute("hx-post") == form.get_attribute("action")
        assert form.locator("input[name=csrf_token]").count() == 1


@pytest.mark.parametrize("screen", sorted({state.screen for state in STATES if not state.screen[1:].isdigit()}))
def test_what_the_operation_needs_can_be_typed_on_its_screen(screen: str, site: Site) -> None:
    """Checked against the declaration: a field that was taken out of a template is missed."""
    [declared] = [each for each in site.registry() if each["path"] == screen]
    assert set(declared["required"]) <= FIELDS.keys()


def test_the_fresh_screen_holds_every_field_that_its_operation_needs(
    arrival: Arrival, arrived: Window, site: Site
) -> None:
    if arrival.state.name == "fresh":
        needed = [each["required"] for each in site.registry() if each["path"] == arrival.state.screen]
        assert set(*needed[:1]) <= {found["name"] for found in fields_of(arrived)}
