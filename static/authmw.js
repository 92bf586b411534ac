// authmw: what the screens do beyond plain forms. No text in here: sentences come from data attributes and <template>s.
(() => {
  'use strict';

  const all = (root, selector) => root.querySelectorAll(selector);
  const live = () => document.getElementById('am-live');

  // A live region speaks when its words change while it is already in the page, so they are taken out and put in again.
  let speaking;
  const speak = (words) => {
    const region = live();
    if (!region || !words) return;
    clearTimeout(speaking);
    region.textContent = '';
    speaking = setTimeout(() => { region.textContent = words; }, 60);
  };

  // ---- Controls ----------------------------------------------------------------------------------------------------

  const countDown = (hint) => {
    const until = Date.now() + hint.dataset.amWait * 1000;
    const tick = () => {
      const left = Math.ceil((until - Date.now()) / 1000);
      if (!hint.isConnected) return;
      if (left <= 0) { hint.textContent = hint.dataset.amDone; return; }
      const time = Math.floor(left / 60) + ':' + String(left % 60).padStart(2, '0');
      hint.textContent = hint.dataset.amLeft.replace('{time}', time);
      setTimeout(tick, 1000);
    };
    tick();
  };

  // Un-hides what works only with script, and starts what runs by itself. Called for the page and after every swap.
  const arm = () => {
    for (const element of all(document, '[data-am-script]')) {
      element.hidden = 'amCopy' in element.dataset && !navigator.clipboard;
    }
    for (const hint of all(document, '[data-am-wait]:not([data-am-armed])')) {
      hint.dataset.amArmed = '';
      countDown(hint);
    }
  };

  const showPassword = (button, shown) => {
    const field = document.getElementById(button.dataset.amShow);
    if (!field) return;
    const words = button.dataset;
    field.type = shown ? 'text' : 'password';
    button.textContent = shown ? words.amHideText : words.amShowText;
    button.setAttribute('aria-label', shown ? words.amHideLabel : words.amShowLabel);
  };

  const copy = async (button) => {
    try {
      const lines = [...all(document, button.dataset.amCopy)].map((element) => element.textContent.trim());
      await navigator.clipboard.writeText(lines.join('\n'));
      speak(button.dataset.amCopied);
    } catch {
      speak(button.dataset.amFailed);
    }
  };

  // A photograph is far larger than an avatar has to be: it is made small before it leaves. Where the browser cannot,
  // the server says what is too large.
  const shrink = async (field) => {
    const file = field.files?.[0];
    if (!file || file.size < 1e5) return;
    try {
      const picture = await createImageBitmap(file);
      const scale = Math.min(1, 512 / Math.min(picture.width, picture.height));
      const canvas = document.createElement('canvas');
      canvas.width = Math.round(picture.width * scale);
      canvas.height = Math.round(picture.height * scale);
      canvas.getContext('2d').drawImage(picture, 0, 0, canvas.width, canvas.height);
      const blob = await new Promise((done) => { canvas.toBlob(done, 'image/jpeg', .9); });
      if (!blob || field.files[0] !== file) return;
      const chosen = new DataTransfer();
      chosen.items.add(new File([blob], 'picture.jpg', { type: blob.type }));
      field.files = chosen.files;
    } catch { /* no picture, or one that this browser cannot read: it goes as it is */ }
  };
  document.addEventListener('change', (event) => {
    if (event.target.matches?.('[data-am-shrink]')) shrink(event.target);
  });

  // One listener each on the document, so that they survive every swap.
  document.addEventListener('click', (event) => {
    const button = event.target.closest?.('button');
    if (!button) return;
    if (button.dataset.amShow) {
      const field = document.getElementById(button.dataset.amShow);
      showPassword(button, field?.type === 'password');
    } else if (button.dataset.amCopy) {
      copy(button);
    } else if ('amPrint' in button.dataset) {
      print();
    }
  });

  // A password that is shown would be remembered by the browser as ordinary text, so it is hidden again before it leaves.
  document.addEventListener('submit', (event) => {
    for (const button of all(event.target, '[data-am-show]')) showPassword(button, false);
  }, true);

  // Back to a page kept in memory: after a sign-out nothing private may show, and no button may stay disabled.
  addEventListener('pageshow', (event) => {
    if (!event.persisted) return;
    if ('amSignedIn' in document.body.dataset) {
      document.body.hidden = true;
      location.reload();
      return;
    }
    for (const form of all(document, 'form')) rest(form);
    for (const button of all(document, 'button[type=submit]')) button.disabled = false;
  });

  // ---- htmx --------------------------------------------------------------------------------------------------------

  const rest = (form) => {
    form.removeAttribute('aria-busy');
    for (const button of all(form, '.am-busy')) button.classList.remove('am-busy');
  };

  const pressed = (form, ctx) => ctx.request?.submitter ?? form.querySelector('button[type=submit]');

  // The answer did not arrive or is not one of ours: say so, in sight and aloud. What was typed stays.
  const fail = (form, ctx) => {
    speak(live()?.dataset.neterr);
    for (const old of all(document, '[data-am-neterr]')) old.remove();
    const sight = document.getElementById('am-msg-neterr')?.content.cloneNode(true);
    const button = ctx && pressed(form, ctx);
    if (sight && button) (button.closest('.am-actions') ?? button).before(sight);
    // htmx enables the button right after this event; a disabled one cannot take focus.
    if (button) setTimeout(() => { if (button.isConnected) button.focus(); });
  };

  function Refused() {
    throw new Error('authmw: evaluating strings is switched off');
  }

  // createHTML lets pass what our own origin answered (htmx asks nobody else); a script inside a swap is emptied.
  const policy = globalThis.trustedTypes?.createPolicy('authmw', { createHTML: (html) => html, createScript: () => '' });

  globalThis.htmx?.registerExtension('authmw', {
    init(api) {
      api.initSecurity(policy, Refused, Refused);
    },

    htmx_before_request(form, { ctx }) {
      // Unsaid, but its room stays: the button must not move away from under a second click.
      for (const old of all(document, '[data-am-neterr]')) old.classList.add('am-unsaid');
      form.setAttribute('aria-busy', 'true');
      pressed(form, ctx)?.classList.add('am-busy');
    },

    htmx_finally_request(form, { ctx }) {
      // Going elsewhere: the button stays busy until the next page is there.
      if (!ctx.keepIndicators) rest(form);
    },

    // A gateway's own error page has no #main: keep ours.
    htmx_before_swap(form, { ctx, tasks }) {
      const main = tasks.find((task) => task.type === 'main');
      if (main?.fragment.childElementCount) return true;
      fail(form, ctx);
      return false;
    },

    htmx_after_swap() {
      arm();
      speak(live()?.textContent.trim());
      document.querySelector('[data-am-focus]')?.focus();
    },

    htmx_error(form, { ctx }) {
      fail(form, ctx);
    },
  });

  arm();
})();
