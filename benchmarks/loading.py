"""Load and check of a rules file with 500 rules, against parsing its YAML alone.

    python benchmarks/loading.py [--rules 500] [--rounds 9]

The file is what a team with many departments might have: the shipped pack, then its rules again for one department and
priority after the other, with an id, a condition and texts of their own, so that no condition is read twice; and a
file of short rules. *parse* is
text into checked plain data with a position for every key and value; *whole* is parse, the form of every entry, names,
types, contradictions and unused parameters of every condition, as ``duban check`` does it. Times are the processor's,
medians of fresh loads; nothing is kept from one to the next.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from itertools import cycle, product
from pathlib import Path

from duban.rules.book import merge, pack_files
from duban.rules.compiled import CompiledBook
from duban.rules.language.parse import parse
from duban.sync.collector import calm_collector
from duban.yamlfile import Document

AREAS, NAMES = ("华东", "华南", "华北"), ("市场", "研发", "销售", "客服", "采购")
DEPARTMENTS = tuple(f"{area}{name}部" for area, name in product(AREAS, NAMES))
PRIORITIES = ("高", "中", "低")


def many_rules(count: int) -> tuple[str, str]:
    """Return a rules file with so many rules, and the file of the message templates that they name."""
    guide, messages = (path.read_text(encoding="utf-8") for path in pack_files("guide"))
    head, body = guide.split("\nrules:\n", 1)
    rules = [block for block in re.split(r"(?m)^(?=- id: )", body) if block.startswith("- id: ")]
    made = rules[:count]
    wanted = product(DEPARTMENTS, PRIORITIES)
    department, priority = next(wanted)
    for number, block in enumerate(cycle(rules), start=1):
        if len(made) >= count:
            break
        if number % len(rules) == 0:
            department, priority = next(wanted)
        variant = _variant(block, number, department, priority)
        made += [variant] if variant else []
    return f"{head}\nrules:\n{''.join(made)}", messages


def short_rules(count: int) -> str:
    """Return a rules file with so many rules of eight short lines, as a team writes them; every condition its own."""
    tests = (
        "empty(审核方) and lag_days > {few}", "progress < {n} and wd(计划开始, today) > {few}",
        'contains(交付标准, "第{n}条")',
    )  # fmt: skip
    made = [
        f"""- id: TEAM-{number:03}
  name: 团队规则{number}
  of: task
  when: 优先级 in ["高", "紧急"] and 状态 != "已完成"
  test: {tests[number % 3].format(n=number % 97 + 1, few=number % 7)}
  level: warn
  text: "{{任务编号}} 优先级为{{优先级}}：规则{number}"
  to: [owner, R_head]
"""
        for number in range(count)
    ]
    return "rules:\n" + "".join(made)


def _variant(block: str, number: int, department: str, priority: str) -> str | None:
    kinds = re.search(r"(?m)^  of: (.*)$", block)
    written = re.search(r"(?m)^  test: ([^\"'>|\n].*)$", block)
    silent = 'when: status == "暂停"' in block  # the guard for paused tasks keeps some rules by their ids
    if kinds is None or written is None or kinds[1] in {"table", "system"} or silent:
        return None
    own = f"same_code < {number + 2}"
    if kinds[1] == "task":
        own = f'initiator_dept == "{department}" and priority == "{priority}" and {own}'
    block = block.replace(written[0], f"  test: ({written[1]}) and {own}", 1)
    block = re.sub(r'(?m)^    (zh|en): "', rf"\g<0>{department}（{priority}）：", block)
    return re.sub(r"^- id: (\S+)", rf"- id: T{number}-\1", block)


def loaded(text: str, messages: str) -> tuple[float, float, int]:
    """Return the seconds of parsing alone, of the whole, and how many rules there are."""
    parse.cache_clear()
    with calm_collector():
        begin = time.process_time()
        documents = [Document(text, "many.yaml"), Document(messages, str(pack_files("guide")[1]))]
        parsed = time.process_time()
        book = CompiledBook(merge(documents))
        return parsed - begin, time.process_time() - begin, len(book.book.rules)


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--rules", type=int, default=500)
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--write", type=Path, help="write the file here and end")
    chosen = options.parse_args()
    text, messages = many_rules(chosen.rules)
    if chosen.write:
        chosen.write.write_text(text, encoding="utf-8")
        return
    print("| rules | lines | parse ms | whole ms | ratio |\n|---|---|---|---|---|")
    for written, beside in ((text, messages), (short_rules(chosen.rules), "messages: {}")):
        times = [loaded(written, beside) for _ in range(chosen.rounds)]
        alone, whole = (statistics.median(column) for column in list(zip(*times, strict=True))[:2])
        ratio = statistics.median(whole / alone for alone, whole, _ in times)
        lines = f"{len(written.splitlines()):,}"
        print(f"| {times[0][2]} | {lines} | {alone * 1e3:.0f} | {whole * 1e3:.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
