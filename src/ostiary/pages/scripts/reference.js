// Shows the OpenAPI document of this server with Swagger UI. What the address says cannot choose another document.
'use strict'
{
  const dark = matchMedia('(prefers-color-scheme: dark)')
  const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches)
  dark.addEventListener('change', follow)
  follow()
  globalThis.SwaggerUIBundle({
    url: '/openapi.json',
    dom_id: '#reference',
    deepLinking: true,
    docExpansion: 'none',
    defaultModelsExpandDepth: -1, // hundreds of schemas, each of which its operation shows
    filter: true,
    syntaxHighlight: { activated: false }, // it would hold up the page for large answers
    tryItOutEnabled: true,
    validatorUrl: null, // a third party
  })
}
