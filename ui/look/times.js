// Writes every moment of the page in the reader's own zone; without this script it is in UTC.
// Put into the page's head by ui/look/head.py.
(() => {
  const short = new Intl.DateTimeFormat('en-GB', {day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit'});
  const long = new Intl.DateTimeFormat('en-GB', {dateStyle: 'full', timeStyle: 'long'});

  function write(time) {
    const when = new Date(time.dateTime);
    if (time.title || isNaN(when)) return;
    time.title = long.format(when);
    time.textContent = short.format(when);
  }

  new MutationObserver(changes => {
    for (const {addedNodes} of changes) {
      for (const node of addedNodes) node.querySelectorAll?.('time[datetime]').forEach(write);
    }
  }).observe(document, {childList: true, subtree: true});
})();
