// The open tab is in the page's address, so that a reload, a link and "back" lead to it.
// Put into the page's head by ui/look/head.py; ui/blocks.py calls `opened`.
const airTabs = (() => {
  const tab = name => [...document.querySelectorAll('[role=tab]')].find(one => one.textContent.trim() === name);
  let ready = false;
  const named = () => decodeURIComponent(location.hash.slice(1));

  function open(name) {
    const closed = tab(name)?.getAttribute('aria-selected') === 'false';
    if (closed) tab(name).click();
    return closed;
  }

  // Gradio reports the first tab too, which nobody chose.
  function opened(name) {
    if (!ready || tab(name)?.getAttribute('aria-selected') !== 'true') return;
    if (name !== (named() || 'Images')) history.pushState(null, '', `#${encodeURIComponent(name)}`);
  }

  addEventListener('popstate', () => open(named() || 'Images'));
  const waiting = setInterval(() => {
    if (!tab('Images')) return;
    clearInterval(waiting);
    open(named());
    ready = true;
  }, 50);
  return {open, opened};
})();
