import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiFixture, startApiFixture } from './support.ts';

describe('the documentation page', () => {
  let api: ApiFixture;

  beforeAll(async () => {
    api = await startApiFixture();
  });
  afterAll(async () => {
    await api.close();
  });

  it('needs no token, names no other address, and every file it names is served here', async () => {
    const page = await api.send('GET', '/docs', { token: 'nobody' });
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.text).not.toMatch(/https?:/);
    const named = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file ?? '');
    expect(named).toHaveLength(3);
    for (const file of named) {
      const answer = await api.send('GET', `/${file}`, { token: 'nobody' });
      expect([file, answer.status]).toEqual([file, 200]);
      expect(answer.headers.get('content-type')).toMatch(/^text\/(css|javascript)/);
      expect(answer.headers.get('content-security-policy')).toContain("script-src 'self'");
    }
  });

  it('lets nothing load from elsewhere and nobody frame it; the rest of the API allows nothing at all', async () => {
    const policy = (await api.get('/docs')).headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/https?:|\*/);
    expect((await api.get('/v1/orders')).headers.get('content-security-policy')).not.toContain('script-src');
    expect((await api.send('POST', '/docs', {})).status).toBe(405);
  });
});
