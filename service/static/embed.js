// Comments by Below the Line, for pages of sites without a server of their own. See docs/embedding.md.
//
//     <div id="comments"></div>
//     <script src="https://comments.example/embed.js" data-key="btlpub_…" data-article="ferry" defer></script>
//
// One file, no dependency. It sets no inline style and evaluates nothing, so that a page's own Content Security
// Policy needs only this server in script-src and connect-src. What readers wrote is only ever set as text.
(() => {
  "use strict";

  const script = document.currentScript;
  if (!script || !script.dataset.key || !script.dataset.article) {
    console.error("embed.js: the script element needs data-key and data-article.");
    return;
  }
  const WORDS = {
    en: {
      comments: "Comments", none: "No comments yet. Yours could be the first.", older: "Show older comments",
      reply: "Reply", replyTo: "Reply to {name}", cancel: "Cancel reply", edited: "edited", leave: "Leave a comment",
      note: "Your email address will not be published. Required fields are marked", comment: "Comment", name: "Name",
      email: "Email", emailNote: "Never shown, and kept by our moderators only.", send: "Post comment",
      sending: "Sending …", awaiting: "Awaiting moderation.", onlyYou: "Only you can see this comment.",
      thanks: "Thank you. Your comment will appear once it has been looked at.",
      published: "Your comment has been published.", faults: "The comment was not sent. Please look at the marked fields.",
      required: "Please fill in this field.", badEmail: "This does not look like an email address.",
      away: "The comment could not be sent just now. Nothing you typed is lost: please try again in a minute.",
      unread: "Comments cannot be shown just now.", again: "Try again", trap: "Leave this field empty",
    },
    de: {
      comments: "Kommentare", none: "Noch keine Kommentare. Schreiben Sie den ersten.", older: "Ältere Kommentare zeigen",
      reply: "Antworten", replyTo: "{name} antworten", cancel: "Antwort abbrechen", edited: "bearbeitet",
      leave: "Kommentar schreiben",
      note: "Ihre E-Mail-Adresse wird nicht veröffentlicht. Pflichtfelder sind markiert mit", comment: "Kommentar",
      name: "Name", email: "E-Mail", emailNote: "Wird nie gezeigt und liegt nur der Moderation vor.",
      send: "Kommentar abschicken", sending: "Wird gesendet …", awaiting: "Wartet auf Freigabe.",
      onlyYou: "Nur Sie sehen diesen Kommentar.", thanks: "Danke. Ihr Kommentar erscheint, sobald er angesehen wurde.",
      published: "Ihr Kommentar ist veröffentlicht.",
      faults: "Der Kommentar wurde nicht gesendet. Bitte sehen Sie sich die markierten Felder an.",
      required: "Bitte füllen Sie dieses Feld aus.", badEmail: "Das sieht nicht wie eine E-Mail-Adresse aus.",
      away: "Der Kommentar konnte gerade nicht gesendet werden. Ihr Text ist nicht verloren: Bitte versuchen Sie es in einer Minute noch einmal.",
      unread: "Die Kommentare können gerade nicht gezeigt werden.", again: "Noch einmal versuchen",
      trap: "Dieses Feld leer lassen",
    },
    fr: {
      comments: "Commentaires", none: "Aucun commentaire pour l'instant. Soyez le premier à écrire.",
      older: "Afficher les commentaires plus anciens", reply: "Répondre", replyTo: "Répondre à {name}",
      cancel: "Annuler la réponse", edited: "modifié", leave: "Laisser un commentaire",
      note: "Votre adresse e-mail ne sera pas publiée. Les champs obligatoires sont indiqués avec",
      comment: "Commentaire", name: "Nom", email: "E-mail",
      emailNote: "Jamais affichée, connue de la modération seulement.", send: "Publier le commentaire",
      sending: "Envoi …", awaiting: "En attente de modération.", onlyYou: "Vous seul voyez ce commentaire.",
      thanks: "Merci. Votre commentaire paraîtra une fois relu.", published: "Votre commentaire est publié.",
      faults: "Le commentaire n'a pas été envoyé. Veuillez vérifier les champs signalés.",
      required: "Veuillez remplir ce champ.", badEmail: "Cela ne ressemble pas à une adresse e-mail.",
      away: "Le commentaire n'a pas pu être envoyé. Rien de ce que vous avez écrit n'est perdu : réessayez dans une minute.",
      unread: "Les commentaires ne peuvent pas être affichés pour l'instant.", again: "Réessayer",
      trap: "Laissez ce champ vide",
    },
    es: {
      comments: "Comentarios", none: "Todavía no hay comentarios. El suyo puede ser el primero.",
      older: "Mostrar comentarios anteriores", reply: "Responder", replyTo: "Responder a {name}",
      cancel: "Cancelar respuesta", edited: "editado", leave: "Deja un comentario",
      note: "Su dirección de correo electrónico no será publicada. Los campos obligatorios están marcados con",
      comment: "Comentario", name: "Nombre", email: "Correo electrónico",
      emailNote: "No se muestra nunca; solo la conoce la moderación.", send: "Publicar el comentario",
      sending: "Enviando …", awaiting: "Pendiente de moderación.", onlyYou: "Solo usted ve este comentario.",
      thanks: "Gracias. Su comentario aparecerá cuando haya sido revisado.", published: "Su comentario se ha publicado.",
      faults: "El comentario no se ha enviado. Revise los campos marcados.", required: "Rellene este campo, por favor.",
      badEmail: "Esto no parece una dirección de correo electrónico.",
      away: "El comentario no se ha podido enviar. No se ha perdido nada de lo escrito: inténtelo de nuevo en un minuto.",
      unread: "Los comentarios no se pueden mostrar en este momento.", again: "Intentarlo de nuevo",
      trap: "Deje este campo vacío",
    },
    pt: {
      comments: "Comentários", none: "Ainda não há comentários. O seu pode ser o primeiro.",
      older: "Mostrar comentários mais antigos", reply: "Responder", replyTo: "Responder a {name}",
      cancel: "Cancelar resposta", edited: "editado", leave: "Deixe um comentário",
      note: "O seu endereço de e-mail não será publicado. Os campos obrigatórios estão marcados com",
      comment: "Comentário", name: "Nome", email: "E-mail",
      emailNote: "Nunca é mostrado; só a moderação o conhece.", send: "Publicar comentário", sending: "A enviar …",
      awaiting: "A aguardar moderação.", onlyYou: "Só você vê este comentário.",
      thanks: "Obrigado. O seu comentário aparecerá depois de ser visto.", published: "O seu comentário foi publicado.",
      faults: "O comentário não foi enviado. Veja os campos assinalados.", required: "Preencha este campo.",
      badEmail: "Isto não parece um endereço de e-mail.",
      away: "O comentário não pôde ser enviado. Nada do que escreveu se perdeu: tente de novo dentro de um minuto.",
      unread: "Os comentários não podem ser mostrados neste momento.", again: "Tentar de novo",
      trap: "Deixe este campo vazio",
    },
  };
  const STYLE = `
    :host { display: block; color: inherit; --line: color-mix(in srgb, currentColor 18%, transparent);
      --quiet: color-mix(in srgb, currentColor 68%, transparent); --fault: light-dark(#9b2c2c, #f08a84);
      --hold: light-dark(#8a5a00, #e0aa4a); --shade: color-mix(in srgb, currentColor 5%, transparent); }
    * { box-sizing: border-box; }
    h2 { font: inherit; font-size: 1.4em; font-weight: 700; margin: 0; }
    p { margin: 0; }
    .quiet, .head, .acts { font-size: .85em; }
    .quiet, time { color: var(--quiet); }
    .rule { border: 0; border-top: 1px solid; margin: 0 0 1em; }
    .comment { padding: 1.1em 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
    .list > :first-child > .comment { border-top: 0; }
    .answers { padding-inline-start: 1.2em; border-inline-start: 1px solid var(--line); }
    .answers .comment { border-top: 0; padding: .6em 0; }
    .name { font-weight: 600; }
    .body { white-space: pre-line; margin: .2em 0; }
    .list .own { padding: .7em 1em; background: var(--shade); border-inline-start: 3px solid var(--hold); }
    .own strong { color: var(--hold); }
    .said { padding: .7em 1em; margin: .8em 0; background: var(--shade); border-inline-start: 3px solid; }
    .said:empty { display: none; }
    .said.bad { border-color: var(--fault); }
    button { font: inherit; color: inherit; cursor: pointer; }
    .link { border: 0; padding: .3em 0; background: none; text-decoration: underline; text-underline-offset: 3px; }
    form { display: grid; gap: 1.1em; margin-top: 1em; grid-template-columns: minmax(0, 1fr); }
    .respond { margin-top: 2em; padding-top: 1.2em; border-top: 1px solid var(--line); }
    label { display: block; font-weight: 600; margin-bottom: .2em; }
    input, textarea { display: block; width: 100%; font: inherit; color: inherit; padding: .5em .7em;
      background: transparent; border: 1px solid var(--quiet); border-radius: 3px; }
    textarea { min-height: 8em; resize: vertical; }
    [aria-invalid] { border-color: var(--fault); box-shadow: inset 0 0 0 1px var(--fault); }
    .fault { color: var(--fault); font-weight: 600; }
    .fault, .fault + .quiet { font-size: .85em; margin-top: .35em; }
    .mark { color: var(--fault); }
    .send { font-weight: 600; padding: .6em 1.3em; min-height: 44px; border: 1px solid; border-radius: 3px;
      background: none; justify-self: start; }
    .trap { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
    :focus-visible { outline: 2px solid light-dark(#2457c5, #8fb4ff); outline-offset: 2px; }
  `;

  const wanted = (script.dataset.language || document.documentElement.lang || navigator.language).slice(0, 2).toLowerCase();
  const language = wanted in WORDS ? wanted : "en";
  const w = WORDS[language];
  const { key, article } = script.dataset;
  const base = script.src.slice(0, script.src.lastIndexOf("/"));
  const address = `${base}/embed/comments?${new URLSearchParams({ key, article })}`;
  const shelf = `btl:${key}:${article}`;
  const WEEK = 7 * 24 * 3600 * 1000;

  const host = document.getElementById(script.dataset.into || "comments") || script.insertAdjacentElement("afterend", document.createElement("div"));
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(STYLE);
  root.adoptedStyleSheets = [sheet];
  host.lang = language;

  /** An element with properties and children; strings become text, never markup. */
  function el(name, properties = {}, ...children) {
    const made = document.createElement(name);
    for (const [property, value] of Object.entries(properties)) {
      if (property in made) made[property] = value;
      else made.setAttribute(property, value);
    }
    made.append(...children.filter((child) => child !== null));
    return made;
  }

  let known = new Map(); // id -> comment
  let cursor = null;
  let token = "";
  let answering = null;
  let idempotency = crypto.randomUUID();
  let own = remembered();

  const list = el("div", { className: "list" });
  const said = el("p", { className: "said", role: "status" });
  const older = el("button", { className: "link", type: "button", hidden: true, onclick: () => read(cursor) }, w.older);
  const title = el("h2", { id: "respond" }, w.leave);
  const cancel = el("button", { className: "link", type: "button", hidden: true, onclick: () => { answer(null); fields.body.focus(); } }, w.cancel);
  const trouble = el("p", { className: "said bad", role: "alert" });
  const fields = {
    body: el("textarea", { name: "body", required: true, dir: "auto", maxLength: 10000 }),
    name: el("input", { name: "name", required: true, dir: "auto", autocomplete: "name", maxLength: 100 }),
    email: el("input", { name: "email", type: "email", required: true, dir: "ltr", autocomplete: "email", maxLength: 254 }),
  };
  const trap = el("input", { name: "homepage", id: "f-homepage", tabIndex: -1, autocomplete: "off" });
  const send = el("button", { className: "send", type: "submit" }, w.send);
  const mark = () => el("span", { className: "mark", "aria-hidden": "true" }, " *");
  const field = (name, label, note) => {
    const input = fields[name];
    input.id = `f-${name}`;
    input.setAttribute("aria-describedby", `fault-${name}${note ? ` note-${name}` : ""}`);
    return el("div", {},
      el("label", { htmlFor: input.id }, label, mark()), input,
      el("p", { className: "fault", id: `fault-${name}` }),
      note ? el("p", { className: "quiet", id: `note-${name}` }, note) : null);
  };
  const form = el("form", { noValidate: true, onsubmit: submit },
    field("body", w.comment), field("name", w.name), field("email", w.email, w.emailNote),
    el("div", { className: "trap", "aria-hidden": "true" }, el("label", { htmlFor: trap.id }, w.trap), trap),
    send);
  const respond = el("section", { className: "respond", "aria-labelledby": "respond" },
    title, cancel, el("p", { className: "quiet" }, w.note, mark()), trouble, form);
  root.append(
    el("hr", { className: "rule" }),
    el("section", { "aria-labelledby": "title" }, el("h2", { id: "title" }, w.comments), said, list, older),
    respond);
  read(null);
  if (own.length > 0) look(5000);

  async function read(from) {
    try {
      // Whoever waits for an own comment wants to know at once; others may have what is some seconds old.
      const cache = own.length > 0 ? "no-cache" : "default";
      const answered = await fetch(from ? `${address}&cursor=${encodeURIComponent(from)}` : address, { cache });
      if (!answered.ok) throw new Error(`HTTP ${answered.status}`);
      const page = await answered.json();
      for (const comment of page.comments) known.set(comment.id, comment);
      if (from || cursor === null) cursor = page.next_cursor;
      older.hidden = cursor === null;
      token = page.form_token;
    } catch (fault) {
      console.warn("embed.js:", fault);
      if (known.size === 0) {
        list.replaceChildren(el("p", { className: "quiet" }, w.unread, " ",
          el("button", { className: "link", type: "button", onclick: () => read(null) }, w.again)));
        return;
      }
    }
    show();
  }

  function show() {
    const published = own.filter((comment) => known.has(comment.id));
    if (published.length > 0) {
      own = own.filter((comment) => !known.has(comment.id));
      remember();
      tell(w.published);
    }
    const all = [...known.values(), ...own].sort((a, b) => a.submitted_at.localeCompare(b.submitted_at));
    const threads = new Map();
    for (const comment of all) {
      const first = root_of(comment);
      if (!threads.has(first.id)) threads.set(first.id, [first]);
      if (first !== comment) threads.get(first.id).push(comment);
    }
    const shown = [...threads.values()].reverse().map(([first, ...answers]) => el("div", {},
      one(first), answers.length ? el("div", { className: "answers" }, ...answers.map(one)) : null));
    list.replaceChildren(...(shown.length ? shown : [el("p", { className: "quiet" }, w.none)]));
  }

  /** The comment that a thread began with; strangers decide how deep it goes, and may answer in a circle. */
  function root_of(comment) {
    const seen = new Set();
    while (comment.parent && known.has(comment.parent) && !seen.has(comment.id)) {
      seen.add(comment.id);
      comment = known.get(comment.parent);
    }
    return comment;
  }

  function one(comment) {
    const waits = !known.has(comment.id);
    const moment = new Date(comment.submitted_at);
    const date = moment.toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
    const answered = known.get(comment.parent);
    return el("article", { className: waits ? "comment own" : "comment" },
      el("p", { className: "head" }, el("span", { className: "name", dir: "auto" }, comment.name),
        answered && root_of(comment) !== answered ? el("span", { className: "quiet", dir: "auto" }, ` ↳ ${answered.name}`) : null,
        " ", el("time", { dateTime: comment.submitted_at }, date),
        comment.edited ? ` ${w.edited}` : null),
      waits ? el("p", { className: "quiet" }, el("strong", {}, w.awaiting), ` ${w.onlyYou}`) : null,
      el("div", { className: "body", dir: "auto" }, comment.body),
      waits ? null : el("p", { className: "acts" }, el("button", {
        className: "link", type: "button", "aria-label": w.replyTo.replace("{name}", comment.name),
        onclick: () => answer(comment) }, w.reply)));
  }

  function answer(comment) {
    answering = comment;
    title.textContent = comment ? w.replyTo.replace("{name}", comment.name) : w.leave;
    cancel.hidden = !comment;
    if (comment) fields.body.focus();
  }

  async function submit(event) {
    event.preventDefault();
    const faults = {};
    for (const [name, input] of Object.entries(fields)) if (!input.value.trim()) faults[name] = w.required;
    if (!faults.email && !fields.email.validity.valid) faults.email = w.badEmail;
    if (mark_faults(faults)) return;
    const typed = Object.fromEntries(Object.entries(fields).map(([name, input]) => [name, input.value]));
    const document_ = { ...typed, language, form_token: token, article: { title: (script.dataset.title || document.title).slice(0, 500), url: location.href.split("#")[0].slice(0, 2000) } };
    if (answering) document_.parent = { id: answering.id };
    if (trap.value) document_.honeypot = trap.value;
    send.disabled = true;
    send.textContent = w.sending;
    try {
      const answered = await fetch(address, {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": idempotency },
        body: JSON.stringify(document_),
      });
      const reply = await answered.json().catch(() => ({}));
      if (answered.ok) taken(reply, typed);
      else if (answered.status === 422 && reply.errors) refused(reply.errors);
      else throw new Error(`HTTP ${answered.status}`);
    } catch (fault) {
      console.warn("embed.js:", fault);
      trouble.textContent = w.away;
    }
    send.disabled = false;
    send.textContent = w.send;
  }

  function taken(reply, typed) {
    own.push({ id: reply.id, name: typed.name, body: typed.body, parent: answering && answering.id, submitted_at: new Date().toISOString() });
    remember();
    idempotency = crypto.randomUUID();
    fields.body.value = "";
    answer(null);
    show();
    tell(w.thanks);
    look(2000);
  }

  function refused(errors) {
    const faults = {};
    for (const { pointer, detail } of errors) {
      const name = pointer.slice(1);
      if (name in fields) faults[name] = name === "email" ? w.badEmail : detail;
    }
    mark_faults(faults);
    trouble.textContent = [w.faults, ...errors.filter(({ pointer }) => !(pointer.slice(1) in fields)).map(({ detail }) => detail)].join(" ");
    idempotency = crypto.randomUUID();
  }

  /** Mark the fields at fault; answers whether there are any. */
  function mark_faults(faults) {
    for (const [name, input] of Object.entries(fields)) {
      root.getElementById(`fault-${name}`).textContent = faults[name] || "";
      if (faults[name]) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    }
    const first = Object.keys(fields).find((name) => faults[name]);
    trouble.textContent = first ? w.faults : "";
    if (first) fields[first].focus();
    return Boolean(first);
  }

  function tell(words) {
    said.textContent = words;
    said.scrollIntoView({ block: "nearest" });
  }

  /** While an own comment waits: ask now and then, more and more seldom, and not for a page that nobody sees. */
  function look(pause) {
    setTimeout(async () => {
      if (!document.hidden) await read(null);
      if (own.length > 0 && pause < 120000) look(pause * 1.5);
    }, pause);
  }

  function remembered() {
    try {
      const kept = JSON.parse(localStorage.getItem(shelf)) || [];
      return kept.filter((comment) => Date.now() - Date.parse(comment.submitted_at) < WEEK);
    } catch {
      return []; // No storage here: the comment is shown until the page is left.
    }
  }

  function remember() {
    try {
      if (own.length) localStorage.setItem(shelf, JSON.stringify(own));
      else localStorage.removeItem(shelf);
    } catch {
      // as above
    }
  }
})();
