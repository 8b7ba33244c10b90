// Loads a recipe, then reads calls from standard input: a line of JSON with a function and its argument each.
// The answer to each is a line of JSON, too: the result, or the name of the error.
import { createInterface } from 'node:readline'

const recipe = await import(new URL(process.argv[2], import.meta.url))
const functions = {
  verify: (token) =>
    recipe.authenticate(new Request('http://localhost', { headers: { authorization: `Bearer ${token}` } })),
  ...recipe,
}
console.log(JSON.stringify({ ready: true }))
for await (const line of createInterface({ input: process.stdin })) {
  const [name, argument] = JSON.parse(line)
  try {
    console.log(JSON.stringify({ result: (await functions[name](argument)) ?? null }))
  } catch (error) {
    console.log(JSON.stringify({ error: error.constructor.name, message: error.message }))
  }
}
