"""Settings: `CAESURA_*` in the environment, then `caesura.toml`, then the defaults here."""

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from caesura.domain.errors import Invalid, Problem
from caesura.http.door_hosts import parse_door_hosts

FILE = "caesura.toml"
PREFIX = "CAESURA_"

Place = TypeVar("Place", Path, str, None)


def default_data_dir() -> Path:
    """Where data lies unless told: /var/lib/caesura for root, else the user's own data directory (XDG)."""
    if os.geteuid() == 0:
        return Path("/var/lib/caesura")
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "caesura"


class Settings(BaseSettings):
    """Every setting, with its default. An option of a command goes before all of these."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, toml_file=FILE, extra="forbid", frozen=True, env_ignore_empty=True
    )

    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="The folder of the embedded database and the secret key. Default: /var/lib/caesura for root, "
        "else ~/.local/share/caesura.",
    )
    database_url: str | None = Field(
        default=None,
        description="A PostgreSQL 15 or newer, as postgresql://user:password@host/name. Default: the embedded one.",
    )
    host: str = Field(default="127.0.0.1", description="The address that the server listens at.")
    port: int = Field(default=8080, ge=0, le=65535, description="Its port; 0 takes a free one.")
    workers: int = Field(default=1, ge=0, le=64, description="Worker processes that `caesura serve` keeps.")
    slots: int = Field(default=400, ge=1, le=5000, description="Messages in transit in one worker process, at most.")
    lease_seconds: float = Field(
        default=60.0, ge=5, le=3600, description="How long a worker without a sign of life keeps what it has claimed."
    )
    stop_seconds: float = Field(
        default=30.0, ge=1, le=600, description="How long a stopping server waits for messages in transit."
    )
    history_after: float = Field(
        default=3.0,
        ge=0,
        le=3650,
        description="Days after which the messages of a lead that is finished or stopped leave the hot tables for the "
        "history. They are read as before.",
    )
    public_url: str | None = Field(
        default=None,
        description="How the world reaches this server, such as https://mail.example.com: makes unsubscribe links, "
        "and is a name by which agents may call it.",
    )
    helo_name: str | None = Field(
        default=None,
        description="The name given in EHLO: a host name or [192.0.2.1]. Default: the address of the connection.",
    )
    ca_file: str | None = Field(
        default=None, description="A PEM file of certificate authorities for SMTP. Default: the system's."
    )
    webhook_hosts: str | None = Field(
        default=None,
        description="Host names and addresses with commas between, which webhooks may reach though they are not of the "
        "open internet, over http too: for tests and intranets. Default: none.",
    )
    file_hosts: str | None = Field(
        default=None,
        description="Host names and addresses with commas between, from which files of mailings may be fetched though "
        "they are not of the open internet, over http too. Default: none.",
    )
    secret_key: str | None = Field(
        default=None,
        description="64 hex digits that seal the mailboxes' passwords; the same on every machine. "
        "Default: made once, in the data directory.",
    )
    doors: str | None = Field(
        default=None,
        description="Host names that lead to a vendor's door, as HOST=DOOR with commas between, such as "
        "`api.autosend.com=autosend,app.leadterra.co=leadterra`: then that vendor's own host name may point here.",
    )
    api_key: str | None = Field(
        default=None,
        description="A native key, with which `caesura mcp` acts on standard input and output. Default: none; it may "
        "do everything in its --workspace.",
    )
    postgres_bin_dir: Path | None = Field(
        default=None, description="The folder of PostgreSQL's programs. Default: those that came with Caesura."
    )

    @field_validator("data_dir", mode="before")
    @classmethod
    def _not_empty(cls, place: object) -> object:
        """An empty path would be the folder in which the command is started."""
        if place == "":
            raise ValueError("it is empty: name a folder")
        return place

    @field_validator("doors")
    @classmethod
    def _lead_somewhere(cls, doors: str | None) -> str | None:
        parse_door_hosts(doors or "")
        return doors

    @field_validator("data_dir", "postgres_bin_dir", "ca_file")
    @classmethod
    def _at_home(cls, place: Place) -> Place:
        """A `~` in the environment or the file means what it means in a shell."""
        return None if place is None else type(place)(os.path.expanduser(place))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options first, then the environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load(**options: Any) -> Settings:
    """The settings, with the command's own `options` (None: not given) before them. Raises Invalid."""
    given = {name: value for name, value in options.items() if value is not None}
    if os.path.isdir(FILE):
        raise Invalid.of(Problem("bad_setting", "it is a directory, not a file", file=FILE))
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = [
            Problem("bad_setting", f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}") for fault in error.errors()
        ]
        raise Invalid.of(*problems) from error
    except (ValueError, OSError) as error:
        raise Invalid.of(Problem("bad_setting", str(error), file=FILE)) from error


def misspelt(names: Iterable[str]) -> list[str]:
    """A sentence for each of these names of variables that looks like a setting and is none."""
    known = [PREFIX + name.upper() for name in (*Settings.model_fields, "debug")]
    sentences = []
    for name in sorted(names):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            near = get_close_matches(name.upper(), known, 1, 0.8)
            hint = f": did you mean {near[0]}?" if near else ""
            sentences.append(f"{name} in the environment is no setting, and is ignored{hint}")
    return sentences
