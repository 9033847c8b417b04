"""Takes secrets out of what people and files get to see."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from capra.model.run import RunSecrets

HIDDEN = "[hidden]"
MINIMUM = 8
WORDS = re.compile(r"-----[A-Z0-9 ]+-----|\s+|\\[rn]")
"""What stands between the parts of a key that are secret, however it is folded."""


def _forms(text: str) -> set[str]:
    """The text, and as it stands within JSON, in which Ansible prints results."""
    return {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}


class Redactor:
    """Knows every secret value of one run."""

    def __init__(self, texts: Iterable[str]) -> None:
        known = {form for text in texts if len(text) >= MINIMUM for form in _forms(text)}
        self._texts = sorted(known, key=lambda text: (-len(text), text))

    @classmethod
    def of(cls, secrets: RunSecrets) -> Redactor:
        """The redactor for a run: the key whole and by word, in both of its forms, the become password, and what the
        request names."""
        keys = (secrets.ssh_key, secrets.openssh_key)
        words = [word for key in keys for word in WORDS.split(key)]
        password = [secrets.become_password] if secrets.become_password else []
        redactor = cls([*(key.strip() for key in keys), *words, *secrets.hidden])
        # A password is hidden however short it is.
        redactor._texts += [text for text in password if text not in redactor._texts]
        return redactor

    def text(self, value: str) -> str:
        """The text without the secrets."""
        for secret in self._texts:
            if secret in value:
                value = value.replace(secret, HIDDEN)
        return value

    def data(self, value: Any) -> Any:
        """The same for everything inside lists and mappings; keys are left alone."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.data(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.data(item) for item in value]
        return value
