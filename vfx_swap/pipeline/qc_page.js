"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const frames = data.frames, count = frames.length, last = count - 1;
  const byId = (id) => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg";
  const place = new Map(frames.map((frame, index) => [frame, index]));
  const shown = Object.keys(data.pictures).map(Number).filter((frame) => place.has(frame)).sort((a, b) => a - b);
  const bad = frames.map((_, index) => index).filter((index) => data.failed[index]);
  const faces = [...new Set(data.plots.flatMap((plot) => plot.lines.map((line) => line.face)))];
  let now = 0;

  const make = (name, attributes = {}, parent = null, text = null) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== null) element.textContent = text;
    if (parent) parent.append(element);
    return element;
  };
  const html = (name, parent, className = "", text = "") => {
    const element = document.createElement(name);
    if (className) element.className = className;
    if (text) element.textContent = text;
    if (parent) parent.append(element);
    return element;
  };
  const nearest = (sorted, wanted) => sorted.reduce(
    (best, one) => (best === null || Math.abs(one - wanted) < Math.abs(best - wanted) ? one : best), null);
  const clamp = (index) => Math.max(0, Math.min(last, index));
  const plural = (number, unit) => (unit ? `${number} ${unit}` : number);

  // ---- viewer
  const wipe = byId("wipe"), slider = byId("slider"), before = byId("before"), after = byId("after");
  const moveWipe = () => wipe.style.setProperty("--at", `${slider.value}%`);
  slider.addEventListener("input", moveWipe);
  const setMode = (mode) => {
    wipe.dataset.mode = mode;
    document.querySelector(`#modes input[value=${mode}]`).checked = true;
  };
  for (const radio of document.querySelectorAll("#modes input")) {
    radio.addEventListener("change", () => setMode(radio.value));
  }

  let inView = null;
  const showPicture = (frame) => {
    const near = nearest(shown, frame), picture = near === null ? null : data.pictures[near];
    before.hidden = after.hidden = slider.hidden = picture === null;
    byId("which").textContent = near === null ? "" : near === frame ? `frame ${near}` : `frame ${near}, not ${frame}`;
    wipe.classList.toggle("stand-in", near !== frame);
    byId("nothing").hidden = picture !== null;
    if (picture === null || near === inView) return near;
    const first = inView === null;
    inView = near;
    for (const [image, side] of [[before, "plate"], [after, "result"]]) {
      image.src = picture[side];
      image.width = picture.width;
      image.height = picture.height;
      image.alt = `${side}, frame ${near}`;
    }
    if (first) slider.value = picture.wipe;
    moveWipe();
    showCrops(near, picture.crops);
    return near;
  };

  const showCrops = (frame, crops) => {
    const box = byId("crops");
    box.replaceChildren();
    for (const crop of crops) {
      const scrolls = ["plate", "result"].map((side) => {
        const figure = html("figure", box);
        const whose = crop.name ? `${crop.name}, ` : "";
        html("figcaption", figure, "", `${whose}${side}, frame ${frame}, 200 %`);
        const scroll = html("div", figure, "scroll");
        scroll.tabIndex = 0;
        const image = html("img", scroll);
        image.src = crop[side];
        image.width = 2 * crop.width;
        image.height = 2 * crop.height;
        image.alt = `${whose}${side} at 200 %, frame ${frame}`;
        return scroll;
      });
      const centre = () => scrolls.forEach((one) => {
        one.scrollLeft = (one.scrollWidth - one.clientWidth) / 2;
        one.scrollTop = (one.scrollHeight - one.clientHeight) / 2;
      });
      centre();
      scrolls.forEach((one, index) => one.addEventListener("scroll", () => {
        const other = scrolls[1 - index];
        if (Math.abs(other.scrollLeft - one.scrollLeft) > 1) other.scrollLeft = one.scrollLeft;
        if (Math.abs(other.scrollTop - one.scrollTop) > 1) other.scrollTop = one.scrollTop;
      }));
    }
  };

  const describe = (near) => {
    const frame = frames[now], state = byId("state");
    state.replaceChildren();
    html("strong", state, data.failed[now] ? "bad" : "", `Frame ${frame}`);
    const status = data.status[now];
    const verdict = status !== "measured" ? `: ${status}` : data.failed[now] ? ": past a limit" : ": within all limits";
    html("span", state, data.failed[now] ? "bad" : "", verdict);
    if (near === null) html("span", state, "dim", ". The report has no pictures");
    else if (near !== frame) html("span", state, "dim", `. No picture of it in the report: frame ${near} is shown`);
    const why = byId("why");
    why.replaceChildren();
    for (const text of data.why[now] || []) html("li", why, "", text);
  };

  const go = (index, scroll = false) => {
    if (!count) return;
    now = clamp(index);
    byId("frame").value = frames[now];
    byId("scrub").value = now;
    byId("scrub").setAttribute("aria-valuetext", `frame ${frames[now]}`);
    describe(showPicture(frames[now]));
    drawCursor();
    for (const button of document.querySelectorAll(".worst button, .sheet button")) {
      button.toggleAttribute("aria-current", Number(button.dataset.frame) === frames[now]);
    }
    const viewer = byId("viewer"), box = viewer.getBoundingClientRect();
    if (scroll && (box.bottom < 120 || box.top > window.innerHeight - 120)) viewer.scrollIntoView({ block: "start" });
  };
  const goToFrame = (frame, scroll = false) => {
    const known = place.get(frame);
    go(known === undefined ? place.get(nearest(frames, frame)) : known, scroll);
  };
  const goToBad = (way) => {
    const found = way > 0 ? bad.find((index) => index > now) : bad.findLast((index) => index < now);
    if (found !== undefined) go(found);
  };

  byId("previous").addEventListener("click", () => go(now - 1));
  byId("next").addEventListener("click", () => go(now + 1));
  byId("previous-bad").addEventListener("click", () => goToBad(-1));
  byId("next-bad").addEventListener("click", () => goToBad(1));
  byId("previous-bad").disabled = byId("next-bad").disabled = bad.length === 0;
  byId("scrub").max = Math.max(0, last);
  byId("scrub").addEventListener("input", () => go(Number(byId("scrub").value)));
  byId("frame").addEventListener("change", () => {
    const wanted = Number(byId("frame").value);
    if (Number.isFinite(wanted)) goToFrame(wanted);
  });
  for (const button of document.querySelectorAll("button[data-frame]")) {
    button.addEventListener("click", () => goToFrame(Number(button.dataset.frame), true));
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input[type=number]")) return;
    const keys = { ",": () => go(now - 1), ".": () => go(now + 1), "[": () => goToBad(-1), "]": () => goToBad(1),
      w: () => setMode("wipe"), p: () => setMode("plate"), r: () => setMode("result"), d: () => setMode("difference") };
    if (keys[event.key]) {
      keys[event.key]();
      event.preventDefault();
    }
  });

  // ---- plots
  const HEIGHT = 132, LEFT = 52, RIGHT = 10, TOP = 8, BOTTOM = 18;
  const tip = html("div", document.body, "tip");
  tip.hidden = true;
  const plots = [];

  const hatch = (svg) => {
    const pattern = make("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse",
      patternTransform: "rotate(45)" }, make("defs", {}, svg));
    make("path", { d: "M0 0V6" }, pattern);
  };
  const runs = (indices) => {
    const found = [];
    for (const index of indices) {
      if (found.length && found[found.length - 1][1] === index - 1) found[found.length - 1][1] = index;
      else found.push([index, index]);
    }
    return found;
  };
  const absent = runs(frames.map((_, index) => index).filter((index) => data.status[index] !== "measured"));

  const niceStep = (span, most) => {
    const raw = span / most, size = 10 ** Math.floor(Math.log10(raw));
    return size * [1, 2, 5, 10].find((factor) => factor * size >= raw);
  };
  const range = (plot) => {
    const limits = plot.limit === null ? [] : plot.bothWays ? [plot.limit, -plot.limit] : [plot.limit];
    const all = [...plot.lines.flatMap((line) => line.values), ...(plot.curve || []), ...limits]
      .filter((value) => value !== null);
    let low = all.reduce((a, b) => Math.min(a, b), 0), high = all.reduce((a, b) => Math.max(a, b), 0);
    // One wild frame must not flatten all others: it is marked at the border instead.
    const sorted = plot.lines.flatMap((line) => line.values).filter((value) => value !== null).map(Math.abs)
      .sort((a, b) => a - b);
    const usual = Math.max(sorted[Math.floor(0.98 * (sorted.length - 1))] || 0, plot.limit || 0, 1e-9);
    const most = 4 * usual;
    low = Math.max(low, -most);
    high = Math.min(high, most);
    if (high - low < 1e-9) high = low + 1;
    const pad = 0.06 * (high - low);
    return [low < 0 ? low - pad : 0, high + pad];
  };
  const styleOf = (plot, line) => {
    if (line.kind === "plate") return "own";
    if (line.kind === "second") return faces.length > 1 ? `f${faces.indexOf(line.face) % 4} dash` : "second";
    return `f${faces.indexOf(line.face) % 4}`;
  };
  const labelOf = (line) => (faces.length > 1 && line.face ? `${line.face}, ${line.label}` : line.label);

  const draw = (one) => {
    const { plot, svg } = one, width = Math.max(260, Math.round(one.box.clientWidth - 18));
    if (width === one.width) return;
    one.width = width;
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const [low, high] = one.range, inner = width - LEFT - RIGHT, tall = HEIGHT - TOP - BOTTOM;
    one.x = (index) => LEFT + ((index + 0.5) / count) * inner;
    one.index = (x) => clamp(Math.floor(((x - LEFT) / inner) * count));
    const y = (value) => TOP + (1 - (Math.max(low, Math.min(high, value)) - low) / (high - low)) * tall;
    const step = niceStep(high - low, 4), digits = Math.max(0, Math.min(6, -Math.floor(Math.log10(step) + 1e-9)));
    for (let tick = Math.ceil(low / step) * step; tick <= high + 1e-12; tick += step) {
      make("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }, svg);
      make("text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, svg, (Math.abs(tick) < 1e-12 ? 0 : tick).toFixed(digits));
    }
    const each = Math.max(1, niceStep(Math.max(1, last), Math.max(1, Math.floor(inner / 80))));
    for (let index = 0; index <= last; index += Math.ceil(each)) {
      make("text", { x: one.x(index), y: HEIGHT - 4, "text-anchor": count > 1 && index === 0 ? "start" : "middle" }, svg, frames[index]);
    }
    for (const [from, to] of absent) {
      const x = LEFT + (from / count) * inner;
      make("rect", { class: "none", x, y: TOP, width: Math.max(2, ((to - from + 1) / count) * inner), height: tall }, svg);
    }
    for (const index of data.cuts) {
      const x = LEFT + (index / count) * inner;
      make("line", { class: "cut", x1: x, x2: x, y1: TOP, y2: TOP + tall }, svg);
    }
    const path = (values) => values.map((value, index) => {
      if (value === null) return "";
      const start = index === 0 || values[index - 1] === null;
      const alone = start && (index === last || values[index + 1] === null);
      return `${start ? "M" : "L"}${one.x(index).toFixed(1)} ${y(value).toFixed(1)}${alone ? "h0.1" : ""}`;
    }).join("");
    if (plot.limit !== null) {
      for (const level of plot.bothWays ? [plot.limit, -plot.limit] : [plot.limit]) {
        if (level >= low && level <= high) make("path", { class: "limit", d: `M${LEFT} ${y(level)}H${width - RIGHT}` }, svg);
      }
    }
    if (plot.curve) make("path", { class: "limit", d: path(plot.curve) }, svg);
    for (const line of [...plot.lines].reverse()) {
      make("path", { class: `trace ${styleOf(plot, line)}${line.kind === "plate" ? " dash" : ""}`, d: path(line.values) }, svg);
    }
    const main = plot.lines.filter((line) => line.kind === "main");
    const top = (index) => main.map((line) => line.values[index]).filter((value) => value !== null)
      .reduce((a, b) => (a === null || Math.abs(b) > Math.abs(a) ? b : a), null);
    const marked = plot.broken.filter((index) => top(index) !== null);
    make("path", { class: "bad", d: marked.map((index) => `M${one.x(index).toFixed(1)} ${y(top(index)).toFixed(1)}h0.1`).join("") }, svg);
    const beyond = frames.map((_, index) => index).filter((index) => top(index) > high);
    make("path", { class: "off", d: beyond.map((index) => `M${one.x(index).toFixed(1)} ${TOP - 6}l4 7h-8z`).join("") }, svg);
    one.at = make("line", { class: "at", y1: TOP, y2: TOP + tall }, svg);
    one.cursor = make("line", { class: "cursor", y1: TOP, y2: TOP + tall, visibility: "hidden" }, svg);
    one.drawn = true;
  };

  const saidOf = (plot, index) => plot.lines.filter((line) => line.values[index] !== null)
    .map((line) => [labelOf(line), plural(line.values[index].toFixed(plot.digits), plot.unit)]);
  const showTip = (one, index, x, y) => {
    const { plot } = one;
    tip.replaceChildren();
    html("b", tip, "", `${plot.title}, frame ${frames[index]}`);
    if (data.status[index] !== "measured") html("div", tip, "bad", data.status[index]);
    for (const [label, value] of saidOf(plot, index)) html("div", tip, "", `${label}: ${value}`);
    const limit = plot.curve ? plot.curve[index] : plot.limit;
    if (limit !== null && limit !== undefined) html("div", tip, "", `limit: ${plural(limit.toFixed(plot.digits), plot.unit)}`);
    if (plot.broken.includes(index)) html("div", tip, "bad", "past the limit");
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = x + 14 + box.width > window.innerWidth ? x - 14 - box.width : x + 14;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.max(4, Math.min(y + 14, window.innerHeight - box.height - 4))}px`;
  };
  const hover = (index) => {
    for (const one of plots) {
      if (!one.drawn) continue;
      one.cursor.setAttribute("visibility", index === null ? "hidden" : "visible");
      if (index !== null) for (const end of ["x1", "x2"]) one.cursor.setAttribute(end, one.x(index));
    }
  };
  function drawCursor() {
    for (const one of plots) {
      if (!one.drawn) continue;
      for (const end of ["x1", "x2"]) one.at.setAttribute(end, one.x(now));
      one.svg.setAttribute("aria-valuenow", now);
      const said = saidOf(one.plot, now).map(([label, value]) => `${label} ${value}`).join(", ");
      one.svg.setAttribute("aria-valuetext", `frame ${frames[now]}: ${said || data.status[now]}`);
    }
    const mark = byId("strip").querySelector(".now");
    if (mark) mark.setAttribute("x", (now / count) * 1000);
  }

  const KEYS = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10 };
  const listen = (one) => {
    const { svg } = one;
    const at = (event) => {
      const box = svg.getBoundingClientRect();
      return one.index(((event.clientX - box.left) / box.width) * one.width);
    };
    svg.addEventListener("pointermove", (event) => {
      const index = at(event);
      hover(index);
      showTip(one, index, event.clientX, event.clientY);
    });
    svg.addEventListener("pointerleave", () => {
      hover(null);
      tip.hidden = true;
    });
    svg.addEventListener("click", (event) => go(at(event), true));
    svg.addEventListener("keydown", (event) => {
      const index = event.key === "Home" ? 0 : event.key === "End" ? last : event.key in KEYS ? now + KEYS[event.key] : null;
      if (index === null) return;
      event.preventDefault();
      go(index);
      const box = svg.getBoundingClientRect();
      showTip(one, now, box.left + (one.x(now) / one.width) * box.width, box.top + 20);
    });
    svg.addEventListener("blur", () => { tip.hidden = true; });
  };

  for (const plot of data.plots) {
    const box = html("figure", byId("plots"), "plot");
    box.id = `plot-${plot.key}`;
    const head = html("div", box, "head");
    html("h3", head, "", plot.unit ? `${plot.title}, ${plot.unit}` : plot.title);
    const key = (className, text) => {
      const entry = html("span", head, "key");
      html("i", entry, className);
      entry.append(text);
    };
    for (const line of plot.lines) key(styleOf(plot, line) + (line.kind === "plate" ? " dash" : ""), labelOf(line));
    if (plot.limit !== null || plot.curve) key("limit", "limit");
    const svg = make("svg", { role: "slider", tabindex: 0, "aria-label": `${plot.title} by frame`, "aria-valuemin": 0,
      "aria-valuemax": Math.max(0, last) }, box);
    html("p", box, "", plot.about);
    const one = { plot, box, svg, width: 0, range: range(plot), drawn: false };
    plots.push(one);
    listen(one);
  }
  const drawStrip = () => {
    const strip = byId("strip"), each = 1000 / count;
    strip.setAttribute("viewBox", "0 0 1000 20");
    strip.setAttribute("preserveAspectRatio", "none");
    hatch(strip);
    for (const [from, to] of runs(bad.filter((index) => data.status[index] === "measured"))) {
      make("rect", { class: "failed", x: from * each, y: 0, width: Math.max(2, (to - from + 1) * each), height: 13 }, strip);
    }
    for (const [from, to] of absent) {
      make("rect", { class: "none", x: from * each, y: 0, width: Math.max(2, (to - from + 1) * each), height: 13 }, strip);
    }
    for (const frame of shown) {
      make("rect", { class: "shown", x: place.get(frame) * each, y: 16, width: Math.max(1.5, Math.min(each, 12) * 0.8), height: 4 }, strip);
    }
    make("rect", { class: "now", x: 0, y: 0, width: Math.max(3, each), height: 20 }, strip);
    strip.addEventListener("click", (event) => {
      const box = strip.getBoundingClientRect();
      go(Math.floor(((event.clientX - box.left) / box.width) * count));
    });
  };

  if (count) {
    drawStrip();
    const redraw = () => {
      plots.forEach(draw);
      drawCursor();
    };
    redraw();
    new ResizeObserver(redraw).observe(byId("plots"));
    const failing = [...document.querySelectorAll(".worst .fail button")].map((button) => Number(button.dataset.frame));
    const first = failing.find((frame) => frame in data.pictures) ?? failing[0] ?? shown[0] ?? frames[0];
    goToFrame(first);
  }
})();
