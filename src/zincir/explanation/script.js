"use strict";
// The player of a page: which view is open, which step is shown. All of it is in the address
// (#view,step), so that a moment can be kept, sent on, and tested.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const element = (tag, text, kind) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  const say = (text, values = {}) => Object.entries(values).reduce(
    (said, [name, value]) => said.replace("{" + name + "}", value), data.words[text] || text);
  let view = "0", at = null, timer = null;

  const frames = () => data.views[view].frames;
  const section = () => $("view-" + view);
  const box = (key) => $(view + "-" + key);

  function show(next, step, kept = true) {
    if (!data.views[next]) next = "0";
    if (next !== view) {
      const left = view, focused = document.activeElement;
      const lost = section().contains(focused) || $("crumbs").contains(focused)
        || (kept && focused === document.body);
      section().hidden = true;
      view = next;
      section().hidden = false;
      if (lost) entrance(left).focus();
    }
    const last = frames().length;
    at = Math.max(0, Math.min(last, step === null || Number.isNaN(step) ? last : step));
    const slider = $("slider");
    slider.max = last;
    slider.value = at;
    paint();
    crumbs();
    if (kept) keep();
  }

  // Where the focus goes that would be lost with what is hidden: to the layer that was left, or
  // to the first box of the one that was opened.
  function entrance(left) {
    const depth = view.split(".").length;
    const inside = left.startsWith(view + ".") && left.split(".").slice(0, depth + 1).join(".");
    return (inside && box("g" + inside)) || section().querySelector(".box");
  }

  function keep() {
    try {
      history.replaceState(null, "", "#" + view + "," + at);
    } catch (refused) { /* inside of a notebook there is no address to keep it in */ }
  }

  function paint() {
    const list = frames(), count = data.views[view].forward, end = at === list.length;
    const now = end ? null : list[at];
    all(".box", section()).forEach((b) => b.classList.remove("later", "unknown", "now", "back"));
    all(".arrow", section()).forEach((a) => a.classList.remove("now", "back"));
    list.forEach((frame, i) => {
      const b = box(frame.key);
      if (!b) return;
      if (i < count && i > at) b.classList.add("later");
      if (i >= count && i > at) b.classList.add("unknown");
    });
    if (!end && at < count) all(".box", section()).forEach((b) => b.classList.add("unknown"));
    if (now) {
      const b = box(now.key), backward = at >= count;
      b.classList.add("now");
      if (backward) b.classList.add("back");
      all(".arrow", section()).forEach((a) => {
        const mine = backward ? a.dataset.from === now.key : a.dataset.to === now.key;
        if (mine && !(backward && a.classList.contains("still"))) {
          a.classList.add("now");
          if (backward) a.classList.add("back");
        }
      });
      b.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
    const part = (way, i, n) => `${say(way)}, ${say("{i} of {n}", { i, n })}`;
    const phase = end ? say("All of it") : at < count
      ? part("Forward", at + 1, count) : part("Backward", at - count + 1, list.length - count);
    $("phase").textContent = phase;
    $("phase").className = end ? "" : at < count ? "forward" : "backward";
    const [rule, why] = end ? [data.views[view].about, ""] : told(now, at >= count);
    $("rule").textContent = rule;
    $("why").textContent = why;
    $("slider").setAttribute("aria-valuetext", phase + ": " + $("rule").textContent);
    $("first").disabled = $("previous").disabled = at === 0;
    $("next").disabled = $("last").disabled = end;
    if (now) describe(box(now.key));
  }

  function told(frame, backward) {
    if (!frame.step) return [frame.rule, frame.why];
    const step = data.steps[frame.step - 1];
    if (backward) return [step.backward, step.because];
    const role = { given: say("given"), trained: say("given, and trained: its gradient is wanted") }[
      step.role];
    const line = step.source ? `${step.place}: ${step.source}` : step.place;
    return [step.forward, [role, line].filter(Boolean).join(", ")];
  }

  function crumbs() {
    const holder = $("crumbs");
    holder.replaceChildren();
    const parts = view.split(".");
    parts.forEach((_, i) => {
      const path = parts.slice(0, i + 1).join(".");
      if (i) holder.append(element("span", " › "));
      const title = data.views[path].title;
      if (path === view) {
        const here = element("b", title);
        here.setAttribute("aria-current", "page");
        holder.append(here);
        return;
      }
      const link = element("a", title);
      link.href = "#" + path + ",";
      holder.append(link);
    });
    holder.hidden = Object.keys(data.views).length === 1;
  }

  function row(table, name, value) {
    if (value === "" || value === null || value === undefined) return;
    const line = table.insertRow();
    line.append(Object.assign(element("th", name), { scope: "row" }), element("td", value));
  }

  const written = (x) => typeof x === "number" ? String(Number(x.toPrecision(6))).replace("-", "−") : x;

  function reading(holder, title, read, kind, picture) {
    if (!read) return;
    holder.append(element("h3", say(title), kind));
    if (picture) {
      const large = element("img", undefined, "large");
      large.src = picture.getAttribute("href");
      large.alt = say("heat map") + ": " + say(title);
      holder.append(large, element("p", read.shows, "faint"));
    }
    const table = holder.appendChild(element("table"));
    const size = read.shape.reduce((a, b) => a * b, 1);
    if (read.values && size === 1) row(table, say("number"), written(read.values[0]));
    else {
      row(table, say("shape"), `${read.dtype} [${read.shape.join(", ")}]`);
      if (read.values) row(table, say("numbers"), read.values.map(written).join(", "));
      const of = read.dtype.startsWith("complex") ? " |a+bi|" : "";
      row(table, say("mean") + of, written(read.mean));
      row(table, "rms" + of, written(read.rms));
      row(table, say("smallest") + of, written(read.low));
      row(table, say("largest") + of, written(read.high));
      row(table, say("zeros"), (100 * read.zeros).toFixed(read.zeros && read.zeros < 0.01 ? 2 : 0) + " %");
      if (read.nans) row(table, "NaN", read.nans);
      if (read.infinite) row(table, say("infinite"), read.infinite);
    }
  }

  // The local derivative of one use of a value: what stands on an arrow.
  function slope(holder, step, use) {
    const user = data.steps[use.of - 1];
    if (!use.local || !user) return;
    const size = use.local.shape.reduce((a, b) => a * b, 1);
    const kind = use.elementwise ? say("element by element")
      : `${say("all derivatives, a row for each of")} ${user.name}`;
    const numbers = use.local.values
      ? use.local.values.map(written).join(", ") : "rms " + written(use.local.rms);
    const formula = use.rule && use.rule !== numbers ? " = " + use.rule : "";
    const text = `d${user.name}/d${step.name}${formula} = ${numbers}`;
    holder.append(element("p", size === 1 ? text : `${text} (${kind})`, "mono slope"));
  }

  function describe(b) {
    const step = data.steps[b.dataset.step - 1], holder = $("details");
    if (!step) return;
    holder.replaceChildren();
    holder.append(element("h2", step.forward));
    const about = [step.layer && say("layer") + " " + step.layer, step.place].filter(Boolean).join(", ");
    if (about) holder.append(element("p", about, "faint"));
    if (step.source) holder.append(element("pre", step.source));
    reading(holder, "value", step.value, "value", b.querySelector(".vmap image"));
    reading(holder, "gradient", step.gradient, "gradient", b.querySelector(".gmap image"));
    if (step.gradient) {
      holder.append(element("p", step.backward, "mono"));
      if (step.because) holder.append(element("p", step.because, "faint"));
    } else holder.append(element("p", say("No gradient arrives here."), "faint"));
    step.uses.forEach((use) => slope(holder, step, use));
    if (step.more) holder.append(element("p", say("and {count} more uses", { count: step.more }), "faint"));
    (b.dataset.found || "").split(" ").filter(Boolean).forEach((number) => {
      const link = element("a", say("The doctor") + ": " + data.findings[number]);
      link.href = "#finding-" + number;
      holder.append(element("p"));
      holder.lastChild.append(link);
    });
    step.meaning.forEach((text) => holder.append(element("p", text)));
  }

  function open(b) {
    if (b.dataset.open) show(b.dataset.open, null);
    else describe(b);
  }

  function play() {
    const stop = timer !== null;
    clearInterval(timer);
    timer = null;
    $("play").textContent = say(stop ? "Play" : "Pause");
    if (stop) return;
    if (at >= frames().length) show(view, 0);
    timer = setInterval(() => {
      if (at >= frames().length) play();
      else show(view, at + 1);
    }, 1400);
  }

  function read() {
    const [path, step] = location.hash.slice(1).split(",");
    show(path || "0", step ? parseInt(step, 10) : null, false);
  }

  $("first").onclick = () => show(view, 0);
  $("previous").onclick = () => show(view, at - 1);
  $("next").onclick = () => show(view, at + 1);
  $("last").onclick = () => show(view, null);
  $("play").onclick = play;
  $("slider").oninput = (event) => show(view, Number(event.target.value));
  addEventListener("hashchange", () => { if (!$(location.hash.slice(1))) read(); });
  let printed = null;
  addEventListener("beforeprint", () => {
    if (timer !== null) play();
    printed = at;
    show(view, null, false);
    all("details").forEach((d) => { d.open = true; });
  });
  addEventListener("afterprint", () => show(view, printed, false));
  addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const b = event.target.closest && event.target.closest(".box");
    if (b && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      open(b);
    } else if (event.key === "Escape" && view !== "0") show(view.split(".").slice(0, -1).join("."), null);
    else if (event.target.id !== "slider" && event.key === "ArrowRight") show(view, at + 1);
    else if (event.target.id !== "slider" && event.key === "ArrowLeft") show(view, at - 1);
  });
  all(".box").forEach((b) => {
    b.setAttribute("tabindex", "0");
    b.setAttribute("role", "button");
    b.addEventListener("click", () => open(b));
    b.addEventListener("mouseenter", () => describe(b));
    b.addEventListener("focus", () => describe(b));
  });
  document.body.classList.add("live");
  read();
})();
