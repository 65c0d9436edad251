// Calls the API with the types that are generated from docs/openapi.yaml, and prints what it got as JSON. What the types
// promise is checked by the compiler, what the API returns by the test that runs this.

import createClient from "openapi-fetch"
import type { components, paths } from "./api.js"

declare const process: { env: Record<"API" | "ADA" | "MONA", string> }

type Profile = components["schemas"]["Profile"]

// The document says that $select is one list with commas; this library has to be told.
const api = createClient<paths>({
  baseUrl: process.env.API,
  querySerializer: { array: { style: "form", explode: false } },
})

const as = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } })

async function profile(): Promise<Profile> {
  const { data, error } = await api.GET("/api/profile-get", as(process.env.ADA))
  if (error) throw new Error(error.code)
  return data
}

async function selected(): Promise<string[]> {
  const query = { $select: ["displayName", "mail"] }
  const { data } = await api.GET("/api/profile-get", { params: { query }, ...as(process.env.ADA) })
  return Object.keys(data ?? {}).filter((name) => !name.startsWith("@"))
}

/** The claims that Entra wants, from a problem that has them. */
async function challenge(): Promise<string | undefined> {
  const { error, response } = await api.GET("/api/profile-get", as(process.env.MONA))
  if (!error || response.status !== 401) throw new Error(`${response.status}`)
  switch (error.code) {
    case "claims_challenge": {
      const status: 401 = error.status
      return `${status} ${error.claims}`
    }
    // @ts-expect-error There is no such code.
    case "clams_challenge":
      return undefined
    // @ts-expect-error This code is of photos.
    case "too_many_downloads":
      return undefined
    default:
      return undefined
  }
}

async function photo(): Promise<string | undefined> {
  const { data, response } = await api.GET("/api/profile-get/photo", { parseAs: "blob", ...as(process.env.ADA) })
  return data ? response.headers.get("content-type") ?? undefined : undefined
}

async function withoutToken(): Promise<string | undefined> {
  const { error } = await api.GET("/api/profile-get")
  return error?.code
}

async function metadata(): Promise<string[]> {
  const { data } = await api.GET("/.well-known/oauth-protected-resource/api/profile-get")
  return data?.scopes_supported ?? []
}

async function readiness(): Promise<string | undefined> {
  const { data } = await api.GET("/readyz", { parseAs: "text" })
  return data
}

const { displayName } = await profile()
console.log(
  JSON.stringify({
    displayName,
    selected: await selected(),
    challenge: await challenge(),
    photo: await photo(),
    withoutToken: await withoutToken(),
    metadata: await metadata(),
    readiness: await readiness(),
  }),
)
