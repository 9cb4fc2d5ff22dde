"""The commands in a guide."""
import re


def commands(text: str) -> list[str]:
    """The commands of a page or a section, one per line."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", text, re.M | re.S)
    return [line.strip() for block in blocks for line in re.sub(r"\\\n\s*", "", block).splitlines()]
