#!/usr/bin/env python3
"""Every C++ block of the documentation is a file that is compiled: check_docs.py ROOT [--write].

A block follows a line `<!-- path -->` and has that file's text without its first comment line;
`<!-- path: name -->` takes the lines between `// [name]` and the next `// [name]`. A block in
another language may follow such a line, too; then its marks are `# [name]`.
"""
import pathlib
import re
import sys

SOURCE = r"<!-- (?P<path>[\w./-]+?)(?:: (?P<name>\w+))? -->\n"
BLOCK = re.compile(rf"(?:{SOURCE}```(?P<language>\w+)|```cpp)\n(?P<code>.*?)```", re.S)


def source_of(root, path, name):
    lines = (root / path).read_text().splitlines()
    if name is None:
        lines = lines[1:] if lines[0].startswith(("//", "# ")) else lines
    else:
        marks = [i for i, line in enumerate(lines) if line.strip() in (f"// [{name}]", f"# [{name}]")]
        if len(marks) != 2:
            raise LookupError(f"{path} has no two marks [{name}]")
        lines = lines[marks[0] + 1 : marks[1]]
        indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
        lines = [line[indent:] for line in lines]
    return "\n".join(lines).strip("\n") + "\n"


def main():
    root, write = pathlib.Path(sys.argv[1]), "--write" in sys.argv
    problems = []
    for page in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
        def replaced(match, page=page):
            where = f"{page.relative_to(root)}: "
            if match["path"] is None:
                problems.append(where + "a C++ block without the file it is from")
                return match[0]
            try:
                code = source_of(root, match["path"], match["name"])
            except (OSError, LookupError) as problem:
                problems.append(where + str(problem))
                return match[0]
            if code != match["code"] and not write:
                problems.append(where + f"not as in {match['path']}; check_docs.py . --write mends it")
            head = match[0][: match[0].index("```")]
            return f"{head}```{match['language']}\n{code}```"

        text = page.read_text()
        changed = BLOCK.sub(replaced, text)
        if write:
            page.write_text(changed)
    print("\n".join(problems) or "every C++ block of the documentation is compiled code")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
