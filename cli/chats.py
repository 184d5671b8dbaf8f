"""`wechat-menu`: what the chats are told."""

from __future__ import annotations

from typing import Any

import click

from cli.base import commands, with_settings


@commands.command("wechat-menu")
@with_settings
def wechat_menu(bootstrap: Any, settings: Any) -> None:
    """Publish the menu of the WeChat official account. Phones show it within a few minutes."""
    from bots.wechat import menu

    menu.publish(bootstrap.wechat_api(settings), settings.public_url)
    click.echo("The menu is published.")
