// Says when the server of this page is gone, and loads the page again when it is back.
// Gradio notices a refused connection, but not a proxy that answers in its place, nor a new server
// that knows nothing of this page's session. Put into the page's head by ui/look/head.py.
(() => {
  const EVERY_MS = 5000;
  const WORDS = 'The service does not answer: it is starting, or it is down. This page comes back by itself.';
  const LOOK = 'position:sticky;top:0;z-index:1000;padding:10px 16px;text-align:center;background:#7a4a00;color:#fff';
  let server;

  function say(lost) {
    const banner = document.getElementById('air-lost');
    if (!lost) banner?.remove();
    if (!lost || banner) return;
    document.body.insertAdjacentHTML('afterbegin', `<div id="air-lost" role="alert" style="${LOOK}">${WORDS}
      <style>.toast-wrap { display: none !important } #air-status { visibility: hidden }</style></div>`);
  }

  async function check() {
    if (document.hidden) return;
    try {
      const reply = await fetch('gradio_api/app_id', {cache: 'no-store'});
      const id = (await reply.json()).app_id;
      server ??= id;
      if (id !== server) return location.reload();
      say(false);
    } catch {
      say(true);
    }
  }

  check();
  setInterval(check, EVERY_MS);
  document.addEventListener('visibilitychange', check);
})();
