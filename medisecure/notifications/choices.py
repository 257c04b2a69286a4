"""What people want to be told of, and how."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from medisecure.kernel.databases import DEFAULT
from medisecure.kernel.transactions import transactional
from medisecure.notifications.kinds import TOPICS, topic_of
from medisecure.notifications.models import Channel, Choice


@dataclass(frozen=True, slots=True)
class ChannelChoice:
    channel: str
    label: str
    wanted: bool
    #: It comes anyway: not to be chosen.
    always: bool


@dataclass(frozen=True, slots=True)
class TopicChoice:
    topic: str
    label: str
    channels: tuple[ChannelChoice, ...]


def choices_of(user_id: UUID) -> list[TopicChoice]:
    """Every topic by every channel, in the active language."""
    unwanted = set(Choice.objects.filter(user_id=user_id).values_list("topic", "channel"))
    return [
        TopicChoice(
            name,
            str(topic.label),
            tuple(
                ChannelChoice(
                    channel.value,
                    str(channel.label),
                    channel in topic.always or (name, channel.value) not in unwanted,
                    channel in topic.always,
                )
                for channel in Channel
            ),
        )
        for name, topic in TOPICS.items()
    ]


def choose(*, user_id: UUID, wanted: Collection[tuple[str, str]]) -> None:
    """Keep (topic, channel) of what is wanted; all else is not, but for what comes anyway."""
    unwanted = [
        Choice(user_id=user_id, topic=name, channel=channel.value)
        for name, topic in TOPICS.items()
        for channel in Channel
        if channel not in topic.always and (name, channel.value) not in wanted
    ]

    @transactional(DEFAULT)
    def write() -> None:
        Choice.objects.filter(user_id=user_id).delete()
        Choice.objects.bulk_create(unwanted)

    write()


def wants(user_id: UUID | None, kind: str, channel: Channel) -> bool:
    topic = topic_of(kind)
    if user_id is None or channel in TOPICS[topic].always:
        return True
    return not Choice.objects.filter(user_id=user_id, topic=topic, channel=channel).exists()
