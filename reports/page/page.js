// What the page can do beyond being read: one crosshair over all axes of time, and tables that sort.
// Without it nothing is missing. It asks nobody for anything.
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const figures = [...document.querySelectorAll("svg[data-axes]")].map((svg) => {
    const layer = document.createElementNS(SVG, "g");
    layer.setAttribute("class", "crosshair");
    layer.setAttribute("aria-hidden", "true");
    svg.append(layer);
    return { svg, layer, axes: JSON.parse(svg.dataset.axes), box: svg.viewBox.baseVal };
  });

  const put = (layer, name, attributes, text) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text) element.textContent = text;
    layer.append(element);
  };

  const moment = (seconds, zero) => {
    const digits = Math.abs(seconds) < 10 ? 2 : 1;
    const rounded = Number(seconds.toFixed(digits));
    if (!rounded) return zero;
    return `${zero} ${rounded < 0 ? "−" : "+"} ${Math.abs(rounded)} s`;
  };

  const clear = () => figures.forEach(({ layer }) => layer.replaceChildren());

  const show = (seconds, pointed) => {
    clear();
    for (const { svg, layer, axes, box } of figures) {
      if (!svg.getClientRects().length) continue;
      for (const axis of axes) {
        const [left, right, top, bottom, since, until] = axis;
        if (seconds < since || seconds > until) continue;
        const x = left + ((seconds - since) / (until - since)) * (right - left);
        put(layer, "line", { x1: x, x2: x, y1: top, y2: bottom });
        if (axis !== pointed) continue;
        const end = x > box.x + box.width * 0.75;
        const anchor = end ? "end" : "start";
        const beside = { x: x + (end ? -4 : 4), y: top + 10, "text-anchor": anchor };
        put(layer, "text", beside, moment(seconds, svg.dataset.zero));
      }
    }
  };

  for (const { svg, axes, box } of figures) {
    svg.addEventListener("pointerleave", clear);
    svg.addEventListener("pointermove", (event) => {
      const seen = svg.getBoundingClientRect();
      const x = box.x + ((event.clientX - seen.left) / seen.width) * box.width;
      const y = box.y + ((event.clientY - seen.top) / seen.height) * box.height;
      const axis = axes.find(([left, right, top, bottom]) =>
        x >= left && x <= right && y >= top - 4 && y <= bottom + 4);
      if (!axis) return clear();
      const [left, right, , , since, until] = axis;
      show(since + ((x - left) / (right - left)) * (until - since), axis);
    });
  }

  // By keys: a hundredth of the axis a step, to either end, and away with it.
  for (const { svg, axes } of figures) {
    const [axis] = axes;
    const [, , , , since, until] = axis;
    let at = since;
    svg.setAttribute("tabindex", "0");
    svg.addEventListener("blur", clear);
    svg.addEventListener("keydown", (event) => {
      const step = (until - since) / 100;
      const moved = { ArrowLeft: at - step, ArrowRight: at + step, Home: since, End: until };
      if (event.key === "Escape") return clear();
      if (!(event.key in moved)) return;
      event.preventDefault();
      at = Math.min(until, Math.max(since, moved[event.key]));
      show(at, axis);
    });
  }

  const number = (text) => {
    if (text.startsWith("—")) return null;
    const bare = text.replace(/T-0|start/, "");
    const found = /([−-]?)\s*(\d[\d,]*(?:\.\d+)?(?:e-?\d+)?)\s*(s\b)?/.exec(bare);
    if (!found) return bare !== text ? 0 : null;
    const value = Number(found[2].replaceAll(",", "")) * (found[3] ? 1000 : 1);
    return found[1] ? -value : value;
  };

  // What a cell is sorted by: null, which goes last in both directions, where it has nothing.
  const keyOf = (cell, kind) => {
    const text = cell.textContent.trim();
    if (kind === "told") return cell.dataset.sort === undefined ? null : Number(cell.dataset.sort);
    if (kind === "number") return number(text);
    return text.startsWith("—") ? null : text;
  };

  const compared = (one, other, sign) => {
    if (one === null || other === null) return (one === null) - (other === null);
    const text = typeof one === "string";
    return sign * (text ? one.localeCompare(other, "en", { numeric: true }) : one - other);
  };

  for (const table of document.querySelectorAll("table")) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    if (rows.length < 3) continue;
    const heads = [...table.tHead.rows[0].cells];
    const said = document.createElement("span");
    said.className = "said";
    said.setAttribute("role", "status");
    table.parentElement.append(said);
    heads.forEach((head, column) => {
      const name = head.textContent.trim();
      if (!name) return;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.title = `Sort by: ${name}`;
      head.replaceChildren(button);
      const numeric = head.classList.contains("number");
      const told = rows.some((row) => row.cells[column]?.dataset.sort !== undefined);
      const kind = told ? "told" : numeric ? "number" : "text";
      const key = (row) => keyOf(row.cells[column], kind);
      button.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        const first = numeric ? "descending" : "ascending";
        const second = numeric ? "ascending" : "descending";
        const order = before === null ? first : before === first ? second : null;
        heads.forEach((each) => each.removeAttribute("aria-sort"));
        const sorted = [...rows];
        if (order) {
          head.setAttribute("aria-sort", order);
          const sign = order === "ascending" ? 1 : -1;
          sorted.sort((one, other) => compared(key(one), key(other), sign));
        }
        body.append(...sorted);
        said.textContent = order ? `Sorted by ${name}, ${order}` : "As it was";
      });
    });
  }
})();
