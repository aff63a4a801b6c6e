using System.Buffers.Binary;

namespace DynamicFs.KillTests.Oracle;

/// <summary>The bytes of a mark, as tests/kill/client/marks.c makes them: for the parts of marks that a crash may leave.</summary>
internal static class MarkBytes
{
    private const ulong Magic = 0x314b52414d534644;
    private const int HeaderBytes = 32;

    public static byte[] Of(int writer, long number, int size)
    {
        var bytes = new byte[size];
        ulong check = Mix(unchecked(Magic + ((uint)writer * 0x9e3779b97f4a7c15) + ((ulong)number * 0xbf58476d1ce4e5b9) + ((ulong)(uint)size << 32)));
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8), (uint)writer);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(12), (uint)size);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(16), (ulong)number);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(24), check);
        for (int at = HeaderBytes; at < size; at += 8)
            BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(at), Mix(unchecked(check + (ulong)at)));
        return bytes;
    }

    /// <summary>FNV-1a without its top bit.</summary>
    public static long Hash(ReadOnlySpan<byte> bytes)
    {
        ulong hash = 0xcbf29ce484222325;
        foreach (byte value in bytes)
            hash = unchecked((hash ^ value) * 0x100000001b3);
        return (long)(hash >> 1);
    }

    private static ulong Mix(ulong value)
    {
        value ^= value >> 31;
        value = unchecked(value * 0x94d049bb133111eb);
        return value ^ (value >> 29);
    }
}
