// The GraphQL console: sends what stands in the form, shows the answer, lists the schema.
// Texts reach the page as text only, never as markup.

const form = document.querySelector("#console");
const field = (name) => form.elements.namedItem(name);
const status = document.querySelector("#status");
const answer = document.querySelector("#answer");

const TYPE = "name kind ofType { name kind ofType { name kind ofType { name kind } } }";
const SCHEMA = `{ __schema { queryType { name } types { name kind description
  fields { name description args { name description type { ${TYPE} } } type { ${TYPE} } }
  enumValues { name } } } }`;

async function ask(body) {
  const headers = {
    "Content-Type": "application/json",
    "X-CSRFToken": field("csrfmiddlewaretoken").value,
  };
  const purpose = field("purpose").value.trim();
  if (purpose) headers["Theriac-Purpose"] = purpose;
  const response = await fetch(form.action, {
    method: "POST",
    headers,
    body: JSON.stringify(body),
    credentials: "same-origin",
  });
  return { response, value: await response.json() };
}

function variablesOf(text) {
  return text.trim() === "" ? {} : JSON.parse(text);
}

async function run(event) {
  event?.preventDefault();
  let variables;
  try {
    variables = variablesOf(field("variables").value);
  } catch (error) {
    status.textContent = `The variables are no JSON: ${error.message}`;
    field("variables").focus();
    return;
  }
  status.textContent = "Asking …";
  const begun = performance.now();
  try {
    const { response, value } = await ask({ query: field("query").value, variables });
    const wrong = value.errors?.length ?? (response.ok ? 0 : 1);
    const said = wrong ? `${wrong} ${wrong === 1 ? "error" : "errors"}` : "Answered";
    status.textContent = `${said}, status ${response.status}, ${Math.round(performance.now() - begun)} ms`;
    answer.textContent = JSON.stringify(value, null, 2);
  } catch (error) {
    status.textContent = `No answer came: ${error.message}`;
    answer.textContent = "";
  }
}

function written(type) {
  if (type.kind === "NON_NULL") return `${written(type.ofType)}!`;
  if (type.kind === "LIST") return `[${written(type.ofType)}]`;
  return type.name;
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function fieldLine({ name, args, type, description }) {
  const given = args.map((arg) => `${arg.name}: ${written(arg.type)}`).join(", ");
  const line = element("li");
  line.append(element("code", `${name}${given ? `(${given})` : ""}: ${written(type)}`));
  if (description) line.append(" ", element("span", description, "told"));
  return line;
}

function typeBlock(type, isRoot) {
  const block = element("details");
  block.open = isRoot;
  block.dataset.words = [type.name, ...(type.fields ?? []).map((each) => each.name)]
    .join(" ")
    .toLowerCase();
  block.append(element("summary", type.name));
  if (type.description) block.append(element("p", type.description, "told"));
  const lines = element("ul");
  lines.append(
    ...(type.fields ?? []).map(fieldLine),
    ...(type.enumValues ?? []).map((each) => {
      const line = element("li");
      line.append(element("code", each.name));
      return line;
    }),
  );
  if (lines.childElementCount) block.append(lines);
  return block;
}

async function list() {
  const place = document.querySelector("#schema");
  const { value } = await ask({ query: SCHEMA });
  if (!value.data) {
    place.textContent = "The schema could not be read.";
    return;
  }
  const { queryType, types } = value.data.__schema;
  const shown = types.filter(({ name }) => !name.startsWith("__"));
  const root = (type) => type.name === queryType.name;
  shown.sort((a, b) => root(b) - root(a) || a.name.localeCompare(b.name));
  place.replaceChildren(...shown.map((type) => typeBlock(type, root(type))));
}

function find(event) {
  const wanted = event.target.value.trim().toLowerCase();
  for (const block of document.querySelectorAll("#schema details")) {
    block.hidden = !block.dataset.words.includes(wanted);
  }
}

form.addEventListener("submit", run);
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run(event);
});
document.querySelector("#filter").addEventListener("input", find);
list();
