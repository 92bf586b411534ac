"""Auth[U]: what an application makes once and wraps itself in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast, overload

from .core.auth import AuthCore, lazily, utc_now
from .core.call import Call, SignedIn
from .core.errors import ConfigurationError
from .core.feature import Feature
from .core.mail import Mailer
from .core.model import U, User
from .core.passwords import Hashing
from .core.settings import Settings
from .core.store import Database
from .features.account import Account
from .features.reauth import Reauth
from .features.sessions import Sessions
from .mailers import ConsoleMailer
from .web.api import Api
from .web.carry import App
from .web.doors import call_of, identity_of, sign_in_required
from .web.languages import ENGLISH, Languages
from .web.middleware import AuthMiddleware
from .web.policy import check_addresses
from .web.theme import check_theme
from .web.ui_config import UIConfig

if TYPE_CHECKING:
    from jinja2 import Environment

    from .web.screens import Screens


class Auth(AuthCore[U]):
    """Settings, features and a place for rows, put together; and the ASGI apps that come of it.

    `Account`, `Sessions` and `Reauth` are always on; list them only to choose otherwise. Raise ConfigurationError, with
    the line to write, for anything that could not work.
    """

    @overload
    def __init__(
        self: Auth[User],
        settings: Settings | None = None,
        *,
        features: Sequence[Feature] = (),
        mailer: Mailer | None = None,
        ui: UIConfig | None = None,
        hashing: Hashing | None = None,
        database: Database | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None: ...

    @overload
    def __init__(
        self,
        settings: Settings | None = None,
        *,
        features: Sequence[Feature] = (),
        user_type: type[U],
        mailer: Mailer | None = None,
        ui: UIConfig | None = None,
        hashing: Hashing | None = None,
        database: Database | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None: ...

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        features: Sequence[Feature] = (),
        user_type: type[Any] = User,
        mailer: Mailer | None = None,
        ui: UIConfig | None = None,
        hashing: Hashing | None = None,
        database: Database | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        settings = settings or Settings()
        if mailer is None:
            if not settings.is_loopback:
                raise ConfigurationError(
                    'Auth has no mailer. Write: Auth(…, mailer=SmtpMailer("smtp://mail.example.com:587", '
                    'sender="App <no-reply@example.com>")).'
                )
            mailer = ConsoleMailer()
        always = [
            kind() for kind in (Account, Sessions, Reauth) if not any(isinstance(each, kind) for each in features)
        ]
        self.ui_config = ui or UIConfig()
        check_theme(self.ui_config)
        check_addresses(self.ui_config, own_origin=settings.origin)
        self.languages = Languages(self.ui_config)
        from .web.letters import writer

        super().__init__(
            settings,
            features=[*features, *always],
            user_type=user_type,
            database=database or lazily(lambda: _open_store(settings)),
            mailer=mailer,
            describe=_describe,
            write=writer(lambda: self.templates, self.ui_config.brand_name or settings.app_name),
            limiter=None,
            hashing=hashing,
            clock=clock,
        )
        if settings.rate_limit:
            from .stores.limits import MemoryLimiter, StoreLimiter

            in_memory = settings.rate_limit_store == "memory"
            self.limiter = MemoryLimiter() if in_memory else StoreLimiter(self.database)

    def wrap(self, app: App, *, ui: bool = True, api: bool = True) -> AuthMiddleware:
        """Return `app` with identity on every request, screens below `ui_path`, JSON below `api_path`."""
        served: dict[str, App] = {}
        if api:
            served[self.settings.api_path] = self.api
        if ui:
            served[self.settings.ui_path] = self.ui
        return AuthMiddleware(app, self, serve=served)

    @cached_property
    def api(self) -> App:
        """The JSON API, to mount at `api_path`."""
        return Api(self, self.ui_config)

    @cached_property
    def ui(self) -> App:
        """The screens, to mount at `ui_path`. From here on links in mail lead to them."""
        self.screens_mounted = True
        return _LazyScreens(self)

    def current(self, connection: Any) -> SignedIn[U] | None:
        """Who makes this request: a Starlette request or websocket, or a bare ASGI scope. None for nobody."""
        return cast("SignedIn[U] | None", identity_of(connection).signed_in)

    def require(self, connection: Any) -> SignedIn[U]:
        """Who makes this request. For nobody, raise what becomes 401, or for a browser a way to the sign-in screen."""
        signed_in = self.current(connection)
        if signed_in is None:
            raise sign_in_required(self, connection)
        return signed_in

    def call(self, connection: Any = None) -> Call[U]:
        """A call for `auth[Feature].operation(call, …)`. With the request at hand it knows the person, and cookies
        that the operation writes go out with the answer."""
        if connection is None:
            return self.new_call(immediate=True)
        return call_of(self, connection)

    async def verify_jwt(self, token: str) -> Mapping[str, Any]:
        """The claims of a token that `Jwt` signed. Raise InvalidJwt for any other; KeyError when `Jwt` is not on."""
        from .features.jwt import Jwt

        return await self[Jwt].verify(self.call(), token)

    @property
    def metadata(self) -> Any:
        """The tables as SQLAlchemy MetaData, for an application that runs alembic itself."""
        from .stores.migrations import metadata

        return metadata(self.tables)

    @cached_property
    def templates(self) -> Environment:
        """The templates of mail, in English, read when the first one is needed."""
        from .web.resources import templates

        return templates(tuple(self.ui_config.template_dirs), ENGLISH)


class _LazyScreens:
    """The screens, whose templates are read when the first person comes by."""

    def __init__(self, auth: Auth[Any]) -> None:
        self._auth = auth

    @cached_property
    def _screens(self) -> Screens:
        from .web.screens import Screens

        mailer = self._auth.mail.mailer
        letters = mailer.letters if isinstance(mailer, ConsoleMailer) else None
        return Screens(self._auth, self._auth.ui_config, self._auth.languages, letters=letters)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._screens(scope, receive, send)


def _describe(auth: AuthCore[Any]) -> Mapping[str, Any]:
    from .web.openapi import document

    return document(auth)


def _open_store(settings: Settings) -> Database:
    from .stores.sql import SqlStore

    return SqlStore(settings.database, pool=settings.database_pool, timeout=settings.database_timeout)
