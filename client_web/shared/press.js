/**
 * Pressing. One listener per view: a control says what it does with `data-do`, the view has a table of what that means.
 *
 * A second press on the same control within 0.4 s is ignored: young children press again, or harder, when nothing seems
 * to happen (Vatavu et al.). A control that is a switch, such as the microphone, says `data-again` and is let through.
 */

const SAME_PRESS_MS = 400;

/**
 * Draw, and if that took away the control that had the focus, give the focus to what stands there now: whoever reads by keyboard or
 * by ear would otherwise begin again at the top of the page.
 * @param {Element} view @param {() => void} draw @param {() => Element | null | undefined} next
 */
export function keepFocus(view, draw, next) {
  const had = document.activeElement !== document.body && view.contains(document.activeElement);
  draw();
  if (!had || view.contains(document.activeElement)) return;
  const there = next();
  if (there instanceof HTMLElement) there.focus({ preventScroll: true });
}

/**
 * @param {Element} element
 * @param {Record<string, (control: HTMLElement, event: Event) => void>} deeds
 */
export function onPress(element, deeds) {
  /** @type {Element | null} */
  let last = null;
  let when = -Infinity;
  element.addEventListener("click", (event) => {
    const control = /** @type {Element} */ (event.target).closest("[data-do]");
    if (!(control instanceof HTMLElement) || !element.contains(control)) return;
    const deed = deeds[control.dataset.do ?? ""];
    if (!deed) return;
    if (control.matches("a[href^='#']:not([href^='#/'])")) event.preventDefault(); // the address after # is ours
    const again = control === last && event.timeStamp - when < SAME_PRESS_MS;
    last = control;
    when = event.timeStamp;
    if (again && !("again" in control.dataset)) return;
    if (control.getAttribute("aria-disabled") === "true") return;
    deed(control, event);
  });
}
