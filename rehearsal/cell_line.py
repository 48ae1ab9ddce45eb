"""The line by which a lane is told what cell of a matrix to carry out."""

import json

from plans import Cell, Plan


def cell_line(cell: Cell) -> str:
    """Write a cell as the line a lane reads, its plan included."""
    return json.dumps(
        {
            "strategy": cell.strategy,
            "fault": cell.fault,
            "plan": cell.plan.model_dump(mode="json", exclude_none=True),
            "expect": cell.expect,
            "allow": cell.allow,
        }
    )


def cell_from(line: str) -> Cell:
    """Read what `cell_line` wrote."""
    document = json.loads(line)
    return Cell(
        strategy=document["strategy"],
        fault=document["fault"],
        plan=Plan.model_validate(document["plan"]),
        expect=tuple(document["expect"]),
        allow=tuple(document["allow"]),
    )
