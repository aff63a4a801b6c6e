using DynamicFs.Metadata;

namespace DynamicFs.Files;

/// <summary>A look at every entry of the namespace tree, a few thousand under one hold of the tree's lock, so that writers never wait long. No single moment: what changes meanwhile is seen or not.</summary>
internal static class NamespaceWalk
{
    private const int KeysPerPiece = 4096;

    public delegate void Visitor(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value);

    public static void Run(Tree tree, Visitor visit)
    {
        var piece = new Piece(visit);
        while (!piece.IsEnd)
        {
            (piece.Left, piece.IsEnd) = (KeysPerPiece, true);
            tree.Scan(piece.From, ref piece, static (ref Piece p, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) =>
            {
                if (p.Left-- == 0)
                {
                    (p.From, p.IsEnd) = (key.ToArray(), false);
                    return false;
                }

                if (key.Length >= NamespaceFormat.PrefixBytes)
                    p.Visit(key, value);
                return true;
            });
        }
    }

    private struct Piece(Visitor visit)
    {
        public readonly Visitor Visit = visit;
        public byte[] From = [0];
        public int Left;
        public bool IsEnd;
    }
}
